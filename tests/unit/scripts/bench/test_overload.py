"""What the benchmark of overload sends, and what it counts."""

import re
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest

from scripts.bench.overload import Plan, open_loop
from scripts.common.http_server import serving

PLAN = Plan(deadline=20.5, seconds=1.0, settle=0.2)  # longer than a busy machine stalls


@pytest.fixture
def received() -> list[tuple[str | None, str | None]]:
    """X-Request-Timeout and X-Request-Start of each request."""
    return []


@pytest.fixture
def url(received: list[tuple[str | None, str | None]]) -> Iterator[str]:
    """A server that takes every second image."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            received.append((self.headers.get("X-Request-Timeout"), self.headers.get("X-Request-Start")))
            self.send_response(200 if len(received) % 2 else 504)
            self.send_header("Content-Length", "0")
            self.end_headers()

    with serving(Handler) as url:
        yield f"{url}/x"


@pytest.fixture
def image(tmp_path: Path) -> Path:
    path = tmp_path / "image.jpg"
    path.write_bytes(b"image")
    return path


def test_clients_with_a_deadline_say_so(url: str, image: Path, received: list[tuple[str | None, str | None]]) -> None:
    turn = open_loop(url, [image], 50, PLAN, says=True)
    assert {timeout for timeout, _ in received} == {"20.500"}
    stamps = [float(found[1]) for _, start in received if (found := re.fullmatch(r"t=(\d+\.\d{3})", str(start)))]
    assert len(stamps) == len(received) > 0
    assert all(time.time() - 60 < stamp <= time.time() for stamp in stamps)
    assert turn.outcomes.keys() == {"200", "504"}
    assert turn.in_time == pytest.approx(turn.outcomes["200"] / PLAN.seconds)
    assert turn.sent == pytest.approx(sum(turn.outcomes.values()) / PLAN.seconds)


def test_clients_without_a_deadline(url: str, image: Path, received: list[tuple[str | None, str | None]]) -> None:
    turn = open_loop(url, [image], 50, PLAN, says=False)
    assert set(received) == {(None, None)}
    assert turn.in_time > 0


def test_a_response_that_comes_too_late_does_not_count(url: str, image: Path) -> None:
    turn = open_loop(url, [image], 50, Plan(deadline=1e-6, seconds=1.0, settle=0.2), says=False)
    assert (turn.in_time, turn.outcomes["200"] > 0) == (0, True)
