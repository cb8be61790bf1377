"""gRPC through the gateway, by clients that others wrote."""

from pathlib import Path

import pytest
import requests

from tests.e2e.problems import assert_problem
from tests.e2e.stack import Stack
from tests.grpc_calls import PHOTO, Call, Calls, Triton, protos

PREDICTIONS = "/org.pytorch.serve.grpc.inference.InferenceAPIsService/Predictions"


@pytest.fixture
def calls(stack: Stack, tmp_path: Path) -> Calls:
    return Calls(stack.url.removeprefix("http://"), stack.model(), protos(tmp_path))


def test_predictions(calls: Calls, predictions: str) -> None:
    (outcome,) = calls(Call())
    assert (outcome.code, outcome.predictions) == ("OK", [requests.post(predictions, data=PHOTO, timeout=60).content])


def test_an_error_of_the_handler_is_one_of_the_call(calls: Calls) -> None:
    (outcome,) = calls(Call([{"data": b"text"}]))
    assert outcome.code == "INVALID_ARGUMENT"
    assert outcome.problem == "/problems/unsupported-format"


def test_triton_client(stack: Stack) -> None:
    triton = Triton(stack.url.removeprefix("http://"), stack.model())
    said = triton({"images": [PHOTO], "parameters": {"top_k": 1}})
    assert said["ready"] == [True, True, True]
    assert said["model"]["name"] == stack.model()
    assert [outcome["status"] for outcome in said["outcomes"]] == ["OK"]


@pytest.mark.parametrize("method", ["StreamPredictions", "StreamPredictions2"])
def test_streaming_calls_are_refused(calls: Calls, predictions: str, method: str) -> None:
    assert calls(Call(method=method))[0].code == "UNIMPLEMENTED"
    assert requests.post(predictions, data=PHOTO, timeout=60).ok


def test_a_message_over_the_limit_is_refused(calls: Calls) -> None:
    (outcome,) = calls(Call([{"data": bytes(20_971_521)}]))
    assert outcome.code == "RESOURCE_EXHAUSTED"


def test_the_rate_is_limited(stack: Stack, tmp_path: Path) -> None:
    with stack.gateway("-e", "REQUESTS_PER_SECOND=2") as (_, address):
        outcomes = Calls(f"{address}:8080", stack.model(), protos(tmp_path))(*8 * [Call()])
    codes = [outcome.code for outcome in outcomes]
    assert set(codes) == {"OK", "RESOURCE_EXHAUSTED"}, codes


def test_it_is_off_unless_it_is_switched_on(stack: Stack, tmp_path: Path) -> None:
    with stack.gateway("-e", "GRPC=off") as (_, address):
        assert Calls(f"{address}:8080", stack.model(), protos(tmp_path))(Call())[0].code == "UNIMPLEMENTED"


def test_a_request_that_is_no_grpc_call_does_not_reach_torchserve(stack: Stack) -> None:
    assert_problem(requests.post(stack.url + PREDICTIONS, data=PHOTO, timeout=10), 404, "not-found")
