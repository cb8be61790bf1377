"""Paths, headers, request ids and logs of the gateway."""

import http.client
import json
import re
from typing import Any

import pytest
import requests

from tests.e2e.problems import assert_problem
from tests.e2e.stack import Stack
from tests.waiting import wait_for


@pytest.mark.parametrize(
    "path",
    [
        "/readyz%0a",
        "/v1/models%0d%0aX:y",
        "/v1/models/x%0a:predict",
        "/",
        "/models",
        "/metrics",
        "/accepting",
        "/predictions",
        "/v1/models/x",
        "/connections",
        "/index.html",
        "/favicon.jpg",
    ],
)
def test_other_paths_are_404(stack: Stack, path: str) -> None:
    assert_problem(requests.get(stack.url + path, timeout=10), 404, "not-found")


@pytest.mark.parametrize("path", ["/predictions/../models", "/predictions/%2e%2e/models", "/predictions/..%2fmodels"])
def test_paths_cannot_reach_management(stack: Stack, path: str) -> None:
    response = requests.Session().send(_raw(stack.url + path), timeout=10)
    assert response.status_code in (400, 404)
    assert "modelUrl" not in response.text


def _raw(url: str) -> requests.PreparedRequest:
    prepared = requests.Request("GET", url).prepare()
    prepared.url = url  # unchanged; requests would normalise it
    return prepared


@pytest.mark.parametrize("path", ["/ping/../predictions/x", "/ping/%2e%2e/predictions/x", "/predictions/x/../../ping"])
def test_paths_that_reach_a_prediction_through_dots_are_404(stack: Stack, path: str) -> None:
    """TorchServe gets the path as it was sent, and resolves it differently."""
    sent = requests.Request("POST", stack.url, data=b"x").prepare()
    sent.url = stack.url + path
    with requests.Session() as session:
        assert_problem(session.send(sent, timeout=10), 404, "not-found")


def test_no_form_reaches_torchserves_parser(predictions: str) -> None:
    host, _, path = predictions.removeprefix("http://").partition("/")
    for kind in ("\tmultipart/form-data; boundary=x", "\tapplication/x-www-form-urlencoded", "multipart/form-data"):
        connection = http.client.HTTPConnection(host, timeout=30)
        connection.request("POST", f"/{path}", body=b"--x\r\nno form\r\n", headers={"Content-Type": kind})
        assert connection.getresponse().status in (400, 415), kind
        connection.close()


@pytest.mark.parametrize("header", ["describe", "explain"])
def test_clients_cannot_set_torchserves_headers(predictions: str, header: str) -> None:
    assert_problem(requests.post(predictions, headers={header: "True"}, timeout=10), 400, "empty-body")


def log_line(stack: Stack, request_id: str, service: str = "gateway") -> dict[str, Any]:
    """Wait for a request's line in the log of the gateway or of the model server."""
    return wait_for(
        "a log line", lambda: next((line for line in stack.log(service) if line["request_id"] == request_id), None)
    )


def test_an_invalid_request_id_is_replaced(predictions: str, image: bytes) -> None:
    response = requests.post(predictions, data=image, headers={"X-Request-Id": 'a"b c'}, timeout=60)
    assert re.fullmatch("[0-9a-f]{32}", response.headers["X-Request-Id"])


def test_a_request_id_is_returned_and_logged(stack: Stack, predictions: str, image: bytes) -> None:
    response = requests.post(predictions, data=image, headers={"X-Request-Id": "mine-1"}, timeout=60)
    assert response.headers["X-Request-Id"] == "mine-1"
    line = log_line(stack, "mine-1")
    assert (line["status"], line["method"], line["upstream_status"]) == (200, "POST", "200")
    assert re.fullmatch("[0-9a-f-]{36}", line["torchserve_request_id"])  # finds the request in the worker's log
    assert line["seconds"] > 0


TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"


def test_both_logs_have_the_ids_of_a_request(stack: Stack, predictions: str, image: bytes) -> None:
    sent = {"X-Request-Id": "mine-2", "traceparent": f"00-{TRACE}-{SPAN}-01", "tracestate": "vendor=1"}
    assert requests.post(predictions, data=image, headers=sent, timeout=60).ok
    gateway, worker = log_line(stack, "mine-2"), log_line(stack, "mine-2", "torchserve")
    assert gateway["trace_id"] == worker["trace_id"] == TRACE
    assert gateway["span_id"] == worker["span_id"] != SPAN
    assert gateway["torchserve_request_id"] == worker["torchserve_request_id"]
    assert {"gateway", "queue", "preprocess", "inference"} <= set(worker["ms"])
    assert sum(worker["ms"][stage] for stage in ("gateway", "queue")) < 1000 * gateway["seconds"]


def test_an_invalid_traceparent_is_replaced_by_a_new_trace(stack: Stack, predictions: str) -> None:
    response = requests.post(predictions, data=b"hello", headers={"traceparent": f"00-{TRACE}-{SPAN}"}, timeout=60)
    for service in ("gateway", "torchserve"):
        line = log_line(stack, response.headers["X-Request-Id"], service)
        assert (line["trace_id"], line["status"]) == (response.headers["X-Request-Id"], 415)


def test_the_checks_of_readiness_are_not_in_the_log(stack: Stack, predictions: str) -> None:
    def direct() -> int:
        return sum(not line["trace_id"] for line in stack.log("torchserve"))  # past the gateway

    before = direct()
    assert requests.get(f"{stack.url}/readyz", timeout=15).ok
    # A client cannot hide its own.
    requests.post(predictions, data=b"hello", headers={"X-Request-Id": "after", "X-Request-Log": "off"}, timeout=60)
    log_line(stack, "after", "torchserve")
    assert direct() == before


def test_a_client_cannot_forge_the_log(stack: Stack, predictions: str) -> None:
    hostile = {"X-Request-Id": "quoted", "User-Agent": 'x","status":500,"y":"\u00e9'}
    requests.post(predictions, data=b"hello", headers={k: v.encode() for k, v in hostile.items()}, timeout=60)
    line = log_line(stack, "quoted")
    assert line["status"] == 415
    assert stack.environment["MANAGEMENT_TOKEN"] not in json.dumps(stack.log())
