"""Predictions through the gateway, and the handler's errors."""

import base64
from urllib.parse import unquote_plus

import pytest
import requests

from scripts.load.mix import TOO_LARGE
from tests.e2e.problems import assert_problem
from tests.e2e.stack import Stack


def test_while_the_model_loads_predictions_are_503(stack: Stack) -> None:
    assert stack.early["alive"].ok
    assert stack.early["ready"].status_code == 503
    assert_problem(stack.early["prediction"], 503, "busy")
    assert stack.early["prediction"].headers["Retry-After"] == "1"


def test_readiness(stack: Stack) -> None:
    response = requests.get(f"{stack.url}/readyz", timeout=15)
    assert (response.status_code, response.json()) == (200, {"ready": True})


def test_the_served_models_are_listed_without_a_token(stack: Stack) -> None:
    assert requests.get(f"{stack.url}/v1/models", timeout=10).json() == {"models": [stack.model()]}
    response = requests.post(f"{stack.url}/v1/models", timeout=10)
    assert_problem(response, 405, "method-not-allowed")
    assert response.headers["Allow"] == "GET, HEAD"


def test_prediction(predictions: str, image: bytes, label: str) -> None:
    response = requests.post(predictions, data=image, timeout=60)
    assert response.status_code == 200
    assert response.headers["Content-Type"] == "application/json"
    classes = response.json()
    assert len(classes) == 5
    assert classes[0]["label"] == label


@pytest.mark.parametrize("path", ["explanations/{}", "v1/models/{}:explain"])
def test_an_explanation_of_a_class_in_the_query(stack: Stack, image: bytes, path: str) -> None:
    url = f"{stack.url}/{path.format(stack.model())}"
    for query in ("class=cup", "class=coffee+mug", "class=coffee%20mug"):
        response = requests.post(f"{url}?{query}", data=image, timeout=60)
        assert response.status_code == 200
        assert response.json()["label"] == unquote_plus(query.removeprefix("class="))
    bad = requests.post(f"{url}?class=nothing", data=image, timeout=60)
    assert_problem(bad, 400, "invalid-parameter")


def test_top_k_in_the_query(predictions: str, image: bytes) -> None:
    response = requests.post(f"{predictions}?top_k=3", data=image, timeout=60)
    assert len(response.json()) == 3


def test_threshold_in_the_query(predictions: str, image: bytes) -> None:
    classes = requests.post(f"{predictions}?top_k=1000&threshold=0.2", data=image, timeout=60).json()
    assert classes
    assert all(row["score"] >= 0.2 for row in classes)


def test_an_invalid_option_in_the_query(predictions: str, image: bytes) -> None:
    assert_problem(requests.post(f"{predictions}?top_k=0", data=image, timeout=60), 400, "invalid-parameter")


def test_an_image_sent_as_a_form(predictions: str, image: bytes, label: str) -> None:
    headers = {"Content-Type": "application/x-www-form-urlencoded"}  # what --data-binary sends
    assert requests.post(predictions, data=image, headers=headers, timeout=60).json()[0]["label"] == label


def test_options_in_headers(predictions: str, image: bytes) -> None:
    headers = {"X-Top-K": "2", "Accept": "text/plain"}
    response = requests.post(predictions, data=image, headers=headers, timeout=60)
    assert len(response.text.splitlines()) == 2


def test_kserve_v1(stack: Stack, image: bytes, label: str) -> None:
    body = {"instances": [{"b64": base64.b64encode(image).decode()}] * 2, "parameters": {"top_k": 1}}
    response = requests.post(f"{stack.url}/v1/models/{stack.model()}:predict", json=body, timeout=60)
    assert [[row["label"] for row in classes] for classes in response.json()["predictions"]] == [[label]] * 2


@pytest.mark.parametrize(("body", "status", "slug"), [(b"", 400, "empty-body"), (b"hello", 415, "unsupported-format")])
def test_the_handlers_errors_pass(predictions: str, body: bytes, status: int, slug: str) -> None:
    assert_problem(requests.post(predictions, data=body, timeout=60), status, slug)


def test_a_damaged_image_is_422(predictions: str, image: bytes) -> None:
    assert_problem(requests.post(predictions, data=image[: len(image) // 2], timeout=60), 422, "damaged-image")


def test_too_many_pixels_keep_the_handlers_413(predictions: str) -> None:
    response = requests.post(predictions, data=TOO_LARGE, timeout=60)
    assert_problem(response, 413, "too-many-pixels")


def test_a_body_at_the_limit(predictions: str, image: bytes) -> None:
    assert requests.post(predictions, data=image + b"\0" * (20_971_520 - len(image)), timeout=60).ok


def test_a_chunked_body(predictions: str, image: bytes, label: str) -> None:
    assert requests.post(predictions, data=iter([image]), timeout=60).json()[0]["label"] == label
