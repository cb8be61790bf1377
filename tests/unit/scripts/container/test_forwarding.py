"""What a gRPC call passes on to HTTP."""

from http.server import BaseHTTPRequestHandler
from typing import Any, cast

import grpc
import pytest

from scripts.common.http_server import serving
from scripts.container.rpc.forwarding import Forwarder


class Call:
    """A call without a deadline."""

    def __init__(self, metadata: dict[str, str]) -> None:
        self._metadata = metadata

    def time_remaining(self) -> None:
        return None

    def invocation_metadata(self) -> tuple[tuple[str, str], ...]:
        return tuple(self._metadata.items())


@pytest.mark.parametrize(
    "sent",
    [
        {},
        {"x-request-id": "mine-1"},
        {
            "x-request-id": "mine-1",
            "x-request-parent": "00f067aa0ba902b7",
            "traceparent": "00-4bf92f3577b34da6a3ce929d0e0e4736-0123456789abcdef-01",
            "tracestate": "vendor=1",
        },
    ],
)
def test_ids_are_passed_on(sent: dict[str, str]) -> None:
    received: dict[str, str] = {}

    class Server(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            received.update({name.lower(): value for name, value in self.headers.items()})
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

    with serving(Server) as url:
        call: Any = Call({**sent, "other": "x"})
        Forwarder(url).post(cast(grpc.ServicerContext, call), "/predictions/m", b"image", {})
    ids = ("x-request-id", "x-request-parent", "traceparent", "tracestate")
    assert {name: received[name] for name in ids if name in received} == sent
    assert "other" not in received
    assert received["x-request-start"].startswith("t=")
