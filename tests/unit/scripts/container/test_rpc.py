"""Calls to the gRPC server whose messages are none, or odd, before a server that tells what it got."""

from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import grpc
import pytest

from scripts.client.management import Management
from scripts.common.http_server import serving
from scripts.container.readiness import Readiness
from scripts.container.rpc import open_inference, predictions
from scripts.container.rpc import server as rpc
from scripts.container.rpc.protos import PREDICTIONS, messages

METHODS = [
    *(f"/{predictions.NAME}/{name}" for name in ("Ping", "Predictions")),
    *(f"/{name}/{call}" for name in open_inference.NAMES for call in ("ModelInfer", "ModelReady", "ServerLive")),
]


@pytest.fixture
def received() -> list[dict[str, str]]:
    """The headers of each request."""
    return []


@pytest.fixture
def channel(received: list[dict[str, str]], tmp_path: Path) -> Iterator[Any]:
    class Server(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            received.append({name.lower(): value for name, value in self.headers.items()})
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(200)
            self.send_header("Content-Length", "2")
            self.end_headers()
            self.wfile.write(b"[]")

    address = f"unix:{tmp_path}/grpc"
    with (
        serving(Server) as url,
        rpc.serving(Readiness(Management(url), url), url, address),
        grpc.insecure_channel(address) as channel,
    ):
        yield channel


NO_UTF8 = b"\n\x02\xc3\x28"  # a text, which some messages begin with
CASES = [(method, message) for method in METHODS for message in (b"\xff", b"\n\xff", b"\x80")]
CASES += [(method, NO_UTF8) for method in METHODS if not method.endswith(("Ping", "ServerLive"))]


@pytest.mark.parametrize(("method", "message"), CASES)
def test_bytes_that_are_no_message_are_the_clients_mistake(channel: Any, method: str, message: bytes) -> None:
    with pytest.raises(grpc.RpcError) as raised:
        channel.unary_unary(method)(message, timeout=30)
    assert raised.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert "send one as the proto has it" in raised.value.details()


@pytest.mark.parametrize("value", [b" 2", b"2 ", b"2"])
def test_spaces_around_an_option_are_none_of_it(channel: Any, received: list[dict[str, str]], value: bytes) -> None:
    request = messages(PREDICTIONS).PredictionsRequest(model_name="m", input={"data": b"image", "top_k": value})
    channel.unary_unary(METHODS[1])(request.SerializeToString(), timeout=30)
    assert [headers["x-top-k"] for headers in received] == ["2"]


@pytest.mark.parametrize(("value", "passed_on"), [(" ", None), ("  mine ", "mine"), ("mine", "mine")])
def test_spaces_around_metadata_are_none_of_it(
    channel: Any, received: list[dict[str, str]], value: str, passed_on: str | None
) -> None:
    request = messages(PREDICTIONS).PredictionsRequest(model_name="m", input={"data": b"image"})
    channel.unary_unary(METHODS[1])(request.SerializeToString(), timeout=30, metadata=[("x-request-id", value)])
    assert [headers.get("x-request-id") for headers in received] == [passed_on]
