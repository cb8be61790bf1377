"""KServe's protocols through the gateway, by clients that others wrote.

tests/integration/test_open_inference.py sends their predictions straight to TorchServe.
"""

import base64
from importlib.metadata import version as version_of
from typing import Any

import pytest
import requests

from handler.protocols.model_tensors import INPUT, OUTPUTS
from tests.e2e.problems import assert_problem
from tests.e2e.stack import Stack
from tests.e2e.test_gateway_routes import log_line
from tests.open_inference import check_kserve, check_triton


@pytest.fixture
def expected(predictions: str, image: bytes) -> list[dict[str, Any]]:
    classes: list[dict[str, Any]] = requests.post(predictions, data=image, timeout=60).json()
    return classes


@pytest.fixture
def body(image: bytes) -> dict[str, Any]:
    data = [base64.b64encode(image).decode()]
    return {"inputs": [{"name": "image", "datatype": "BYTES", "shape": [1], "data": data}]}


def test_not_ready_while_the_model_loads(stack: Stack) -> None:
    assert stack.early["v2 ready"].status_code == 503


def test_triton_client(stack: Stack, image: bytes, expected: list[dict[str, Any]]) -> None:
    model = stack.model()
    about = check_triton(stack.url, model, image, expected, "1.0")
    assert about[:3] == about[3:]  # of the default version, and of version 1.0
    ready, server, metadata = about[:3]
    assert ready == [True, True, True]
    assert (server["name"], server["version"]) == ("torchserve", version_of("torchserve"))
    assert (metadata["name"], metadata["versions"], metadata["platform"]) == (model, ["1.0"], "torchserve")
    described = [(each["name"], each["datatype"], each["shape"]) for each in metadata["inputs"] + metadata["outputs"]]
    assert described == [(spec.name, spec.datatype, list(spec.shape)) for spec in (INPUT, *OUTPUTS)]
    assert metadata["labels"][expected[0]["class_id"]] == expected[0]["label"]


def test_kserve_client(stack: Stack, image: bytes, expected: list[dict[str, Any]]) -> None:
    found = check_kserve(stack.url, stack.model(), image, expected, "about")
    assert found["v1 ready"] is True
    assert found["v2 ready"] == [True, True, True]


def test_a_model_in_kserve_v1(stack: Stack) -> None:
    model = stack.model()
    response = requests.get(f"{stack.url}/v1/models/{model}", timeout=30)
    assert (response.status_code, response.json()) == (200, {"name": model, "ready": True})


def test_a_prediction_by_a_version_is_counted_for_it(stack: Stack, body: dict[str, Any]) -> None:
    url = f"{stack.url}/v2/models/{stack.model()}/versions/1.0/infer"
    response = requests.post(url, json=body, headers={"X-Request-Id": "v2-version"}, timeout=60)
    assert response.status_code == 200
    line = log_line(stack, "v2-version")
    assert (line["route"], line["model"], line["version"]) == ("predictions", stack.model(), "1.0")


def test_options_in_the_query(stack: Stack, body: dict[str, Any]) -> None:
    response = requests.post(f"{stack.url}/v2/models/{stack.model()}/infer?top_k=2", json=body, timeout=60)
    assert response.json()["outputs"][0]["shape"] == [1, 2]


@pytest.mark.parametrize("path", ["/v2/models/other", "/v2/models/other/ready", "/v2/models/other/versions/9", "/v2x"])
def test_what_is_not_there_is_404(stack: Stack, path: str) -> None:
    assert_problem(requests.get(stack.url + path, timeout=10), 404, "not-found")


@pytest.mark.parametrize("path", ["/v2/models/other/infer", "/v2/models/{}/versions/9/infer"])
def test_predictions_by_other_models_are_404(stack: Stack, path: str, body: dict[str, Any]) -> None:
    response = requests.post(stack.url + path.format(stack.model()), json=body, timeout=60)
    assert response.status_code == 404


@pytest.mark.parametrize("path", ["/v2", "/v2/health/ready", "/v1/models/{}", "/v2/models/{}", "/v2/models/{}/ready"])
def test_descriptions_are_read_only(stack: Stack, path: str) -> None:
    response = requests.post(stack.url + path.format(stack.model()), timeout=10)
    assert_problem(response, 405, "method-not-allowed")
    assert response.headers["Allow"] == "GET, HEAD"


def test_predictions_have_the_limits_of_the_others(stack: Stack) -> None:
    url = f"{stack.url}/v2/models/{stack.model()}/infer"
    assert_problem(requests.post(url, data=bytes(20_971_521), timeout=60), 413, "body-too-large")
    response = requests.get(url, timeout=10)
    assert_problem(response, 405, "method-not-allowed")
    assert response.headers["Allow"] == "POST, PUT"
