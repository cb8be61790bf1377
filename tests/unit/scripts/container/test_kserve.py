"""What the status service says about the server and its models in KServe's protocols, over HTTP."""

import threading
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, HTTPServer
from importlib.metadata import version as version_of
from pathlib import Path
from typing import Any

import pytest
import requests

from scripts.client.management import ManagementApiError
from scripts.client.models import ModelVersion, RegisteredModel, Worker, labels_of
from scripts.container import status
from scripts.container.authorization import Authorization
from scripts.container.readiness import Readiness
from tests.unit.scripts.client.test_models import DESCRIBED
from tests.unit.scripts.container.test_readiness import OneModel

READY = (Worker("9000", 10, "READY"),)
FIRST = replace(ModelVersion.from_json(DESCRIBED), min_workers=1, workers=READY)
SECOND = replace(FIRST, version="2.0", workers=())
LABELS = ("café", "cup")


class TwoVersions(OneModel):
    """A management API with two versions of one model; only the default one has a worker."""

    def __init__(self) -> None:
        super().__init__(FIRST)
        self.asked = 0
        self.busy = False

    def models(self) -> list[RegisteredModel]:
        return [RegisteredModel(FIRST.name, FIRST.archive)]

    def versions(self, name: str) -> list[ModelVersion]:
        return [self.served, SECOND]

    def labels(self, name: str, version: str) -> tuple[str, ...]:
        self.asked += 1
        if self.busy:
            raise ManagementApiError(503, "no worker is free")
        return LABELS


class Predictions(BaseHTTPRequestHandler):
    """An inference API that predicts with the first version alone."""

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200 if self.path in (f"/predictions/{FIRST.name}", "/predictions/resnet-50/1.0") else 503)
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def inference() -> Iterator[str]:
    with HTTPServer(("127.0.0.1", 0), Predictions) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.fixture
def management() -> TwoVersions:
    return TwoVersions()


@pytest.fixture
def readiness(management: TwoVersions, inference: str) -> Readiness:
    readiness = Readiness(management, inference)
    readiness.accepting.set()
    readiness.update()
    return readiness


@pytest.fixture
def url(readiness: Readiness, tmp_path: Path) -> Iterator[str]:
    server = status.serve(readiness, Authorization("", tmp_path), "127.0.0.1", 0)
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()


def ask(url: str) -> tuple[int, Any]:
    response = requests.get(url, timeout=10)
    kind = "application/problem+json" if "type" in response.json() else "application/json"
    assert response.headers["Content-Type"] == kind
    return response.status_code, response.json()


def test_the_server(url: str) -> None:
    version = version_of("torchserve")
    extensions = ["binary_tensor_data", "classification"]
    assert ask(f"{url}/v2") == (200, {"name": "torchserve", "version": version, "extensions": extensions})


def test_a_healthy_server(url: str) -> None:
    assert ask(f"{url}/v2/health/live") == (200, {"live": True})
    assert ask(f"{url}/v2/health/ready") == (200, {"ready": True})


def test_a_server_that_does_not_predict_is_not_ready(readiness: Readiness, url: str) -> None:
    readiness.accepting.clear()
    assert ask(f"{url}/v2/health/live")[0] == 200
    not_ready = (503, {"ready": False, "detail": "the server is starting or stopping"})
    assert ask(f"{url}/v2/health/ready") == not_ready
    assert ask(f"{url}/v2/models/resnet-50/ready") == (503, {"name": "resnet-50"} | not_ready[1])


@pytest.mark.parametrize("path", ["/v2/models/resnet-50", "/v2/models/resnet-50/versions/1.0"])
def test_a_model(url: str, path: str) -> None:
    assert ask(url + path) == (
        200,
        {
            "name": "resnet-50",
            "versions": ["1.0", "2.0"],
            "platform": "torchserve",
            "inputs": [{"name": "image", "datatype": "BYTES", "shape": [-1]}],
            "outputs": [
                {"name": "scores", "datatype": "FP32", "shape": [-1, -1]},
                {"name": "class_ids", "datatype": "INT64", "shape": [-1, -1]},
                {"name": "labels", "datatype": "BYTES", "shape": [-1, -1]},
                {"name": "errors", "datatype": "BYTES", "shape": [-1]},
            ],
            "labels": ["café", "cup"],
        },
    )


@pytest.mark.parametrize(
    "path", ["/v1/models/resnet-50", "/v2/models/resnet-50/ready", "/v2/models/resnet-50/versions/1.0/ready"]
)
def test_a_model_that_is_ready(url: str, path: str) -> None:
    assert ask(url + path) == (200, {"name": "resnet-50", "ready": True})


def test_a_version_without_a_worker_is_not_ready(url: str) -> None:
    not_ready = {"name": "resnet-50", "ready": False, "detail": "resnet-50 2.0 has no worker"}
    assert ask(f"{url}/v2/models/resnet-50/versions/2.0/ready") == (503, not_ready)


def test_a_model_whose_prediction_fails_is_not_ready(management: TwoVersions, readiness: Readiness, url: str) -> None:
    management.served = replace(FIRST, version="3.0")
    readiness.update()
    code, document = ask(f"{url}/v1/models/resnet-50")
    assert (code, document["ready"]) == (503, False)
    assert document["detail"] == "resnet-50/3.0 responds to a prediction with status 503"


@pytest.mark.parametrize(
    "path", ["/v1/models/other", "/v2/models/other", "/v2/models/other/ready", "/v2/models/resnet-50/versions/9"]
)
def test_other_models_are_404(url: str, path: str) -> None:
    code, document = ask(url + path)
    assert (code, document["type"]) == (404, "/problems/not-found")
    assert "GET /v1/models" in document["detail"]


@pytest.mark.parametrize("path", ["/v2/models", "/v2/models/a%2Fb", "/v2/models/a/versions", "/v2x", "/v1/models/a/b"])
def test_other_addresses_are_404(url: str, path: str) -> None:
    assert requests.get(url + path, timeout=10).status_code == 404


def test_a_worker_tells_the_labels_once_in_its_life(management: TwoVersions, readiness: Readiness, url: str) -> None:
    for _ in range(2):
        ask(f"{url}/v2/models/resnet-50")
    assert management.asked == 1
    management.served = replace(FIRST, workers=(replace(READY[0], pid=11),))
    readiness.update()
    ask(f"{url}/v2/models/resnet-50")
    assert management.asked == 2


def test_a_model_that_cannot_tell_its_labels_now_is_busy(management: TwoVersions, url: str) -> None:
    management.busy = True
    response = requests.get(f"{url}/v2/models/resnet-50", timeout=10)
    assert (response.status_code, response.json()["type"]) == (503, "/problems/busy")
    assert response.headers["Retry-After"] == "1"


@pytest.mark.parametrize(
    ("described", "labels"),
    [({"customizedMetadata": {"labels": ["a", "b"]}}, ("a", "b")), ({"customizedMetadata": "no"}, ()), ({}, ())],
)
def test_labels_in_a_description(described: dict[str, Any], labels: tuple[str, ...]) -> None:
    assert labels_of(described) == labels
