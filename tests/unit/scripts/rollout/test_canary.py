"""The figures of the gateway's counters, and how a canary is withdrawn."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from scripts.client.management import Management
from scripts.rollout import canary
from scripts.rollout.canary import VersionStats, withdraw

BUCKETS = {0.1: 40, 0.25: 80, 0.5: 98, float("inf"): 100}


def test_quantiles() -> None:
    stats = VersionStats({"200": 100}, 20.0, BUCKETS)
    assert stats.quantile(0.5) == pytest.approx(0.1 + 0.15 * 10 / 40)
    assert stats.quantile(0.95) == pytest.approx(0.25 + 0.25 * 15 / 18)
    assert stats.quantile(0.2) == pytest.approx(0.05)
    assert stats.quantile(0.99) == 0.5  # no more is known above the last bound
    assert VersionStats().quantile(0.5) == 0.0


def test_only_5xx_are_errors() -> None:
    stats = VersionStats({"200": 95, "415": 3, "500": 1, "503": 1}, 20.0, BUCKETS)
    assert (stats.requests, stats.errors, stats.error_ratio) == (100, 2, 0.02)
    assert str(stats).startswith("100 requests, 2 errors (2.0%), 3 rejected, mean 0.200 s, p50 ")
    assert VersionStats().error_ratio == 0.0
    assert str(VersionStats()) == "no requests"


def test_a_deadline_of_the_client_is_no_error() -> None:
    stats = VersionStats({"200": 8, "504": 1, "504 deadline-exceeded": 1}, 20.0, BUCKETS)
    assert (stats.requests, stats.errors) == (10, 1)


def test_difference_to_earlier_figures() -> None:
    earlier = VersionStats({"200": 10}, 1.0, {0.1: 5, float("inf"): 10})
    later = VersionStats({"200": 15, "500": 2}, 4.0, {0.1: 7, float("inf"): 17})
    assert later.since(earlier) == VersionStats({"200": 5, "500": 2}, 3.0, {0.1: 2, float("inf"): 7})


class Gateway(BaseHTTPRequestHandler):
    """Like the gateway, lists requests of a canary for some time after it has gone."""

    canary: str | None
    left: int  # lists with requests that still come
    asked: list[str]

    def do_GET(self) -> None:
        cls = type(self)
        cls.asked.append("GET")
        requests = {"m/2.0": cls.left} if cls.left else {}
        cls.left = max(0, cls.left - 1)
        self._respond(200, {"canaries": {"m": cls.canary} if cls.canary else {}, "requests": {"n/2.0": 1, **requests}})

    def do_DELETE(self) -> None:
        cls = type(self)
        cls.asked.append("DELETE")
        self._respond(404 if cls.canary is None else 200, {"detail": "no canary"})
        cls.canary = None

    def _respond(self, status: int, document: dict[str, object]) -> None:
        data = json.dumps(document).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_words: object) -> None:
        pass


@pytest.fixture
def gateway(monkeypatch: pytest.MonkeyPatch) -> Iterator[Management]:
    monkeypatch.setattr(canary, "POLL", 0.01)
    with HTTPServer(("127.0.0.1", 0), Gateway) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield Management(f"http://127.0.0.1:{server.server_port}")
        server.shutdown()
        thread.join()


@pytest.mark.parametrize("share", ["2.0 10", None])
def test_withdrawing_waits_for_the_canarys_requests(gateway: Management, share: str | None) -> None:
    Gateway.canary, Gateway.left, Gateway.asked = share, 3, []
    withdraw(gateway, "m")
    assert Gateway.canary is None
    assert Gateway.asked == ["DELETE", "GET", "GET", "GET", "GET"]


def test_a_request_of_the_canary_that_never_ends_holds_nothing_up(
    gateway: Management, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(canary, "REQUESTS_TIMEOUT", 0.1)
    Gateway.canary, Gateway.left, Gateway.asked = "2.0 10", 10**9, []
    withdraw(gateway, "m")
    assert Gateway.canary is None
