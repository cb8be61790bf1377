"""The fuzzer of gRPC draws the same calls from the same seed, and notices the statuses that none may end with."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import grpc
import pytest

from scripts.fuzz.calls import KIND, Call, Calls, send

IMAGE = b"an image of some bytes"


@pytest.fixture
def address(tmp_path: Path) -> Iterator[str]:
    """A server that ends a call with the status that its message names."""

    def respond(message: bytes, context: Any) -> bytes:
        context.abort(grpc.StatusCode[message.decode()], "the detail") if message else None
        return b""

    server = grpc.server(ThreadPoolExecutor(1))
    handlers = {"Any": grpc.unary_unary_rpc_method_handler(respond)}
    server.add_generic_rpc_handlers([grpc.method_handlers_generic_handler("m", handlers)])
    address = f"unix:{tmp_path}/grpc"
    server.add_insecure_port(address)
    server.start()
    yield address
    server.stop(0).wait()


def test_calls_depend_on_the_seed_alone() -> None:
    drawn = list(Calls("m", [IMAGE], 1).draw(300))
    assert drawn == list(Calls("m", [IMAGE], 1).draw(300))
    assert drawn != list(Calls("m", [IMAGE], 2).draw(300))
    methods = {call.method.rpartition("/")[2] for call in drawn}
    assert {"Predictions", "StreamPredictions2", "ModelInfer", "ModelReady", "ServerLive"} <= methods
    assert any(IMAGE in call.message for call in drawn)


@pytest.mark.parametrize(
    ("code", "seconds", "status"),
    [
        ("", 60, 200),
        ("INVALID_ARGUMENT", 60, 400),
        ("NOT_FOUND", 60, 404),
        ("UNIMPLEMENTED", 60, 404),
        ("DEADLINE_EXCEEDED", 1, 504),
    ],
)
def test_a_status_that_is_right(address: str, code: str, seconds: float, status: int) -> None:
    counts, failed = send(address, iter([Call("/m/Any", code.encode(), seconds=seconds)]))
    assert (dict(counts), failed) == ({status: 1}, [])


@pytest.mark.parametrize("code", ["INTERNAL", "UNKNOWN", "UNAVAILABLE", "DEADLINE_EXCEEDED"])
def test_a_status_that_no_call_may_end_with(address: str, code: str) -> None:
    counts, ((request, outcome),) = send(address, iter([Call("/m/Any", code.encode())]))
    assert dict(counts) == {500: 1}
    assert (request.kind, request.data, outcome) == (KIND, f"/m/Any\n{code}".encode(), f"{code} the detail")
