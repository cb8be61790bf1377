"""The metrics of the status service."""

from dataclasses import replace

from scripts.client.management import Management
from scripts.client.metrics import samples
from scripts.client.models import ModelVersion, RegisteredModel
from scripts.container.queue_metrics import exposition
from scripts.container.readiness import Readiness
from tests.unit.scripts.client.test_models import DESCRIBED

NAME = 'odd "name"\\'
NEW = ModelVersion.from_json({**DESCRIBED, "modelName": NAME})
OLD = replace(NEW, version="0.9")


class TwoVersions(Management):
    """A management API with two versions of one model."""

    def models(self) -> list[RegisteredModel]:
        return [RegisteredModel(NAME, NEW.archive)]

    def versions(self, name: str) -> list[ModelVersion]:
        return [OLD, NEW]

    def version(self, name: str, version: str | None = None) -> ModelVersion:
        return NEW


def test_queue_workers_and_restarts() -> None:
    readiness = Readiness(Management(), "")
    readiness.accepting.set()
    readiness.versions = [NEW]
    readiness.restarts[NEW.id] = 2
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


def test_the_default_version_is_told_from_the_others() -> None:
    readiness = Readiness(TwoVersions(), "")
    readiness.update()
    found = [sample for sample in samples(exposition(readiness)) if sample.name == "serving_default_version_info"]
    assert [(sample.labels["model_version"], sample.value) for sample in found] == [("1.0", 1)]


def test_before_the_first_update() -> None:
    assert {sample.name: sample.value for sample in samples(exposition(Readiness(Management(), "")))} == {
        "serving_accepting": 0
    }
