"""Which checks of the status service fail when."""

from dataclasses import replace

import pytest

from scripts.client.management import Management
from scripts.client.models import ModelVersion, RegisteredModel, Worker
from scripts.container.readiness import Readiness
from scripts.container.run import environment
from scripts.server.ports import Ports
from tests.unit.scripts.client.test_models import DESCRIBED

READY = tuple(Worker(str(number), 10 + number, "READY") for number in range(2))
VERSION = replace(ModelVersion.from_json(DESCRIBED), min_workers=2, workers=READY)


class OneModel(Management):
    """A management API with one version of one model."""

    def __init__(self, served: ModelVersion) -> None:
        super().__init__()
        self.served = served

    def models(self) -> list[RegisteredModel]:
        return [RegisteredModel(VERSION.name, VERSION.archive)]

    def versions(self, name: str) -> list[ModelVersion]:
        return [self.served]

    def version(self, name: str, version: str | None = None) -> ModelVersion:
        return self.served


def watched(served: ModelVersion) -> Readiness:
    readiness = Readiness(OneModel(served), "http://127.0.0.1:9")  # nothing listens: no prediction works
    readiness.accepting.set()
    readiness.update()
    return readiness


def test_a_server_without_a_prediction_is_live_but_not_ready() -> None:
    readiness = watched(VERSION)
    assert readiness.missing_workers() is None
    assert "does not respond to a prediction" in str(readiness.problem())


def test_a_server_without_a_worker_is_neither() -> None:
    readiness = watched(replace(VERSION, workers=READY[:1]))
    expected = f"the workers of {VERSION.name} are ['READY'], and 2 should be READY"
    assert readiness.missing_workers() == expected
    assert readiness.problem() == expected


def test_a_server_that_does_not_respond_is_not_live() -> None:
    readiness = Readiness(Management("http://127.0.0.1:9"), "")
    readiness.update()
    assert "the management API does not respond" in str(readiness.missing_workers())


def test_management_listens_where_it_should(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MANAGEMENT_ADDRESS", raising=False)
    assert environment(Ports())["TS_MANAGEMENT_ADDRESS"] == "http://0.0.0.0:8081"
    monkeypatch.setenv("MANAGEMENT_ADDRESS", "127.0.0.1")
    assert environment(Ports())["TS_MANAGEMENT_ADDRESS"] == "http://127.0.0.1:8081"
    assert environment(Ports())["TS_INFERENCE_ADDRESS"] == "http://0.0.0.0:8080"
