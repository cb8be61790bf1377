"""The metrics of the status service."""

from scripts.client.management import Management
from scripts.client.metrics import samples
from scripts.client.models import ModelVersion
from scripts.container.queue_metrics import exposition
from scripts.container.readiness import Readiness
from tests.unit.scripts.client.test_models import DESCRIBED

NAME = 'odd "name"\\'


def test_queue_workers_and_restarts() -> None:
    readiness = Readiness(Management(), "")
    readiness.accepting.set()
    version = ModelVersion.from_json({**DESCRIBED, "modelName": NAME})
    readiness.versions = [version]
    readiness.restarts[version.id] = 2
    found = {sample.name: (sample.labels, sample.value) for sample in samples(exposition(readiness))}
    labels = {"model_name": NAME, "model_version": "1.0"}
    assert found == {
        "serving_accepting": ({}, 1),
        "serving_queue_requests": (labels, 3),
        "serving_queue_capacity_requests": (labels, 100),
        "serving_workers_ready": (labels, 1),
        "serving_workers_wanted": (labels, 2),
        "serving_worker_restarts_total": (labels, 2),
    }


def test_before_the_first_update() -> None:
    assert {sample.name: sample.value for sample in samples(exposition(Readiness(Management(), "")))} == {
        "serving_accepting": 0
    }
