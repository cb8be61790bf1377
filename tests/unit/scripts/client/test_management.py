"""Retries of the management API's client."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from scripts.client import management
from scripts.client.management import Management, ManagementApiError


class Gateway(ThreadingHTTPServer):
    """Says so often that replicas are changing."""

    refusals = 0
    asked = 0


class Handler(BaseHTTPRequestHandler):
    server: Gateway

    def do_PUT(self) -> None:
        self.server.asked += 1
        refused = self.server.asked <= self.server.refusals
        self.send_response(409 if refused else 200)
        if refused:
            self.send_header("Retry-After", "5")
        body = json.dumps({"detail": "wait"} if refused else {"status": "done"}).encode()
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def gateway(monkeypatch: pytest.MonkeyPatch) -> Iterator[Gateway]:
    monkeypatch.setattr(management, "RETRY", 0.01)
    with Gateway(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


def test_a_change_waits_until_all_replicas_are_there(gateway: Gateway) -> None:
    gateway.refusals = 3
    assert Management(f"http://127.0.0.1:{gateway.server_port}").set_default("a", "1") == "done"
    assert gateway.asked == 4


def test_a_change_waits_for_a_limited_time(gateway: Gateway, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(management, "REPLICAS_TIMEOUT", 0.2)
    gateway.refusals = 1_000_000
    with pytest.raises(ManagementApiError, match=r"the server refused \(status 409\): wait"):
        Management(f"http://127.0.0.1:{gateway.server_port}").set_default("a", "1")
