"""A server that takes a known time for a response, and responds to one request at a time."""

import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler

import pytest

from scripts.common.http_server import serving

RESPONSE_TIME = 0.1  # s


@pytest.fixture(scope="module")
def bodies() -> list[bytes]:
    """The bodies that the server has received."""
    return []


@pytest.fixture(scope="module")
def server(bodies: list[bytes]) -> Iterator[str]:
    """Its address: /busy responds 503, /cut sends half of what it announces, /text is not JSON."""
    one_at_a_time = threading.Lock()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            bodies.append(self.rfile.read(int(self.headers["Content-Length"])))
            with one_at_a_time:
                time.sleep(RESPONSE_TIME)
            self.send_response(503 if self.path == "/busy" else 200)
            self.send_header("Content-Length", "4" if self.path == "/cut" else "2")
            self.send_header("X-Client", str(self.client_address[1]))
            self.end_headers()
            self.wfile.write(b"no" if self.path == "/text" else b"{}")
            self.close_connection = self.path == "/cut"

    with serving(Handler) as url:
        yield url
