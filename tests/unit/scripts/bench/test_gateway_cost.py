"""The measurement of the gateway's cost, on two servers whose difference is known."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest

from scripts.bench.gateway_cost import Plan, measure
from scripts.common.errors import CommandError
from scripts.common.http_server import serving


@contextmanager
def server(delay: float, status: int = 200) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            time.sleep(delay)  # the difference to find
            self.send_response(status)
            self.send_header("Content-Length", "2")
            self.end_headers()
            self.wfile.write(b"{}")

    with serving(Handler) as url:
        yield f"{url}/predictions/x"


@pytest.fixture
def image(tmp_path: Path) -> Path:
    path = tmp_path / "image"
    path.write_bytes(b"image")
    return path


def test_known_difference(image: Path) -> None:
    with server(0.05) as direct, server(0.15) as gateway:
        measured = measure(direct, gateway, image, Plan(clients=2, seconds=1.0, rounds=2))
    assert 40 < float(str(measured["throughput_cost_percent"])) < 80  # two thirds, on a machine that is busy
    assert measured["image_bytes"] == 5


def test_failed_request_is_an_error(image: Path) -> None:
    with server(0) as direct, server(0, 429) as gateway, pytest.raises(CommandError, match="status 429"):
        measure(direct, gateway, image, Plan(clients=1, seconds=0.2, rounds=1))


def test_no_server_is_an_error(image: Path) -> None:
    with server(0) as direct, pytest.raises(CommandError, match="no response"):
        measure(direct, "http://127.0.0.1:9/x", image, Plan(clients=1, seconds=0.2, rounds=1))
