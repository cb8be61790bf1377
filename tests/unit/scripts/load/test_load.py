"""The load generator, on a server that answers in a time that is known, one request at a time."""

import socket
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from scripts.common.errors import CommandError
from scripts.load.load import Load, send

TAKES = 0.1  # s of an answer


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("photos")
    for name in ("one", "two"):
        (folder / name).write_text(name)
    return sorted(folder.iterdir())


@pytest.fixture(scope="module")
def seen() -> list[bytes]:
    return []


@pytest.fixture(scope="module")
def server(seen: list[bytes]) -> Iterator[str]:
    """Answers one request after another, however many come; /refused answers 503, /cut half of what it promises."""
    one_at_a_time = threading.Lock()

    class Answer(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            seen.append(self.rfile.read(int(self.headers["Content-Length"])))
            with one_at_a_time:
                time.sleep(TAKES)
            self.send_response(503 if self.path == "/refused" else 200)
            self.send_header("Content-Length", "4" if self.path == "/cut" else "2")
            self.end_headers()
            self.wfile.write(b"ok")
            self.close_connection = self.path == "/cut"

        def log_message(self, *_: object) -> None:
            pass

    running = ThreadingHTTPServer(("127.0.0.1", 0), Answer)
    threading.Thread(target=running.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{running.server_port}"
    running.shutdown()
    running.server_close()


def test_a_closed_loop_waits_for_its_answers(server: str, photos: list[Path], seen: list[bytes]) -> None:
    load = send(f"{server}/x", photos, clients=4, seconds=1.0)
    assert load.requests == len(load.latencies)
    assert load.rate <= 1 / TAKES
    assert load.percentile(50) > 3 * 1000 * TAKES  # four clients share a server that answers one at a time
    assert {b"one", b"two"} == set(seen)


def test_an_open_loop_shows_the_queue_that_a_closed_loop_hides(server: str, photos: list[Path]) -> None:
    """Twice as many requests arrive as can be answered: the wait grows with the length of the load."""
    closed = send(f"{server}/x", photos, clients=1, seconds=1.0)
    opened = send(f"{server}/x", photos, rate=2 / TAKES, seconds=3.0)
    assert opened.requests > 1.2 * 3.0 / TAKES  # more than it can have answered while they arrived
    assert opened.percentile(95) > 2 * closed.percentile(50)


def test_a_refusal_is_no_figure(server: str, photos: list[Path]) -> None:
    with pytest.raises(CommandError, match="answered 503: ok"):
        send(f"{server}/refused", photos, seconds=0.3)


def test_an_answer_that_is_cut_is_no_figure(server: str, photos: list[Path]) -> None:
    with pytest.raises(CommandError, match="does not answer"):
        send(f"{server}/cut", photos, seconds=0.3)


def test_nobody_there(photos: list[Path]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    with pytest.raises(CommandError, match=r"does not answer: .*refused"):
        send(f"http://127.0.0.1:{port}/x", photos, seconds=0.3)


def test_percentiles() -> None:
    load = Load(requests=101, seconds=2.0, latencies=tuple(index / 1000 for index in range(101)))
    assert (load.rate, load.percentile(50), load.percentile(99)) == (50.5, 50.0, 99.0)
    assert Load(1, 1.0, (0.25,)).percentile(99) == 250.0
