"""Malformed requests to the gateway: no response is a 5xx, and each one conforms to config/api/openapi.yaml."""

from typing import Any

import pytest
import requests

from scripts.client.management import Management
from scripts.fuzz.attack import Attack
from scripts.fuzz.fuzz import Workers, fuzz
from tests import openapi
from tests.e2e.stack import TOKEN, Stack

schema = openapi.load()


def test_malformed_requests(stack: Stack) -> None:
    model = stack.model()
    workers = Workers(Management(stack.management_url, TOKEN), model)
    report = fuzz(Attack(stack.url, model, workers), requests=300, seed=3)
    assert report.failures() == [], [(request.data[:300], response) for request, response in report.server_errors]
    assert (report.valid, report.frontend_errors) == (60, 0)


@schema.parametrize()  # type: ignore[untyped-decorator]
@openapi.SETTINGS
def test_responses_conform_to_openapi(case: Any, stack: Stack) -> None:
    openapi.check(case, stack.url, stack.model())


@pytest.mark.parametrize(
    "body",
    [b"", b"--b", b"--b\r\nContent-Disposition: form-data\r\n\r\nx\r\n--b--\r\n", b"--b\r\nx: y\r\n\r\n\r\n--b--"],
)
def test_a_form_that_torchserve_cannot_parse_is_400(predictions: str, body: bytes) -> None:
    headers = {"Content-Type": "multipart/form-data; boundary=b"}
    response = requests.post(predictions, data=body, headers=headers, timeout=60)
    assert (response.status_code, response.json()["type"]) == (400, "/problems/no-image")


def test_a_form_as_curl_sends_it(predictions: str, image: bytes, label: str) -> None:
    response = requests.post(predictions, files={"data": ("café.png", image)}, data={"top_k": "2"}, timeout=60)
    assert [len(response.json()), response.json()[0]["label"]] == [2, label]
