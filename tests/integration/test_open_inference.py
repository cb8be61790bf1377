"""KServe's protocols on TorchServe itself, which knows predictions by the default version and nothing else.

tests/e2e/test_open_inference.py asks the gateway, which has all of their addresses.
"""

import json
from pathlib import Path
from typing import Any

import pytest
import requests

from scripts.build.sources import fallback
from scripts.container import kserve
from scripts.container.readiness import Readiness
from scripts.server.torchserve import TorchServe
from tests.clients import run_example
from tests.integration.test_inference import B64, IMAGE
from tests.open_inference import check_kserve, check_triton
from tests.pages import COMMANDS, Command

HERE = "tests/integration/test_open_inference.py"
TENSOR = {"name": "image", "datatype": "BYTES", "shape": [1], "data": [B64]}


@pytest.fixture
def expected(classify: str) -> list[dict[str, Any]]:
    classes: list[dict[str, Any]] = requests.post(classify, data=IMAGE, timeout=60).json()
    return classes


def test_triton_client(inference: str, expected: list[dict[str, Any]]) -> None:
    check_triton(inference, fallback.NAME, IMAGE, expected)


@pytest.mark.parametrize("command", [each for each in COMMANDS if each.run_by == HERE], ids=lambda each: each.page)
def test_the_example_on_the_page(inference: str, command: Command, tmp_path: Path) -> None:
    (tmp_path / "photo.jpg").write_bytes(IMAGE)
    # .venv/bin/python on the page
    places = {"127.0.0.1:8080": inference.removeprefix("http://"), "resnet-50": fallback.NAME}
    assert run_example(command.line, tmp_path, places) == command.output == "espresso"


def test_kserve_client(inference: str, expected: list[dict[str, Any]]) -> None:
    check_kserve(inference, fallback.NAME, IMAGE, expected)


@pytest.mark.parametrize("path", ["/v2/models/efficientnet-lite0/infer", "/predictions/efficientnet-lite0/1.0"])
def test_addresses_of_a_prediction(inference: str, path: str) -> None:
    response = requests.post(inference + path, json={"inputs": [TENSOR], "outputs": [{"name": "labels"}]}, timeout=60)
    assert response.status_code == 200
    assert response.json()["outputs"][0]["data"][0] == "espresso"


def test_the_status_service_describes_the_model(server: TorchServe, inference: str) -> None:
    readiness = Readiness(server.management, inference)
    readiness.accepting.set()
    readiness.update()
    described = kserve.respond(f"/v2/models/{fallback.NAME}/versions/1.0", readiness)
    assert described is not None
    assert "espresso" in json.loads(described.body)["labels"]
    for path in ("/v2/health/ready", f"/v1/models/{fallback.NAME}", f"/v2/models/{fallback.NAME}/versions/1.0/ready"):
        response = kserve.respond(path, readiness)
        assert response is not None
        assert (response.status, json.loads(response.body)["ready"]) == (200, True)


def test_a_raw_binary_request(inference: str) -> None:
    headers = {"Inference-Header-Content-Length": "0", "Content-Type": "application/octet-stream"}
    url = f"{inference}/v2/models/{fallback.NAME}/infer"
    response = requests.post(url, data=IMAGE, headers=headers, timeout=60)
    assert response.json()["outputs"][2]["data"][0] == "espresso"


@pytest.mark.parametrize(
    "path",
    [
        "/v2",
        "/v2/health/live",
        "/v2/health/ready",
        "/v2/models/efficientnet-lite0",
        "/v2/models/efficientnet-lite0/ready",
        "/v1/models",
        "/v1/models/efficientnet-lite0",
    ],
)
def test_addresses_that_only_the_gateway_has(inference: str, path: str) -> None:
    assert requests.get(inference + path, timeout=60).status_code == 404


def test_versions_only_behind_the_gateway(inference: str) -> None:
    url = f"{inference}/v2/models/{fallback.NAME}/versions/1.0/infer"
    assert requests.post(url, data=json.dumps({"inputs": [TENSOR]}), timeout=60).status_code == 404


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ({"inputs": [TENSOR | {"datatype": "UINT8"}]}, "send BYTES"),
        ({"inputs": [TENSOR | {"name": "input-0"}]}, "one input, image"),
        ({"inputs": [TENSOR | {"shape": [1, 2]}]}, "send [n] or [n, 1]"),
        ({"inputs": [TENSOR], "outputs": [{"name": "logits"}]}, "ask for scores, class_ids, labels, errors"),
    ],
)
def test_what_does_not_fit_the_model_is_400(classify: str, body: dict[str, Any], told: str) -> None:
    response = requests.post(classify, json=body, timeout=60)
    assert response.status_code == 400
    assert told in response.json()["detail"]
    assert response.json()["error"].endswith(response.json()["detail"])
