"""Images through a server: how many at a time, what is sent again, and when to stop."""

import json
import threading
from collections import Counter
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest

from scripts.batch import server as batch_server
from scripts.batch.rows import MAX_BYTES, Row
from scripts.batch.server import Server
from scripts.common.errors import CommandError
from scripts.common.http_server import serving

CLIENTS = 4
OK = [{"class_id": 7, "label": "cock", "score": 0.9}]


class Fake:
    """What a server does: the body of an image says the statuses of its responses, one after the other."""

    def __init__(self) -> None:
        self.tries: Counter[bytes] = Counter()
        self.headers: dict[str, str] = {}
        self.paths: set[str] = set()
        self.at_a_time = self.most = 0
        self.lock = threading.Lock()
        self.full = threading.Barrier(CLIENTS)
        self.wait_for_all = False

    def status(self, body: bytes) -> int:
        with self.lock:
            self.tries[body] += 1
            self.at_a_time += 1
            self.most = max(self.most, self.at_a_time)
            statuses = [int(status) for status in body.split()] or [400]
            status = statuses[min(self.tries[body], len(statuses)) - 1]
        if self.wait_for_all:
            self.full.wait(10)
        with self.lock:
            self.at_a_time -= 1
        return status


@pytest.fixture
def fake() -> Fake:
    return Fake()


@pytest.fixture
def url(fake: Fake, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The server's address; status 0 closes the connection."""
    monkeypatch.setattr(batch_server, "PAUSE", 0.01)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            fake.headers, fake.paths = dict(self.headers), fake.paths | {self.path}
            status = fake.status(self.rfile.read(int(self.headers["Content-Length"])))
            if not status:
                self.close_connection = True
                return
            problem = {"type": f"/problems/{status}", "detail": "send another"}
            body = json.dumps(OK if status == 200 else problem).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.send_header("Retry-After", "0" if status == 503 else "soon")
            self.end_headers()
            self.wfile.write(body)

    with serving(Handler) as url:
        yield url


def images(folder: Path, *bodies: str) -> list[str]:
    """Write images that tell the server what to do, and return their paths."""
    paths = [folder / f"{index}.jpg" for index in range(len(bodies))]
    for path, body in zip(paths, bodies, strict=True):
        path.write_text(body)
    return [str(path) for path in paths]


def rows(url: str, files: list[str], top_k: int | None = None) -> dict[str, Row]:
    return {Path(row.file).stem: row for row in Server(url, "m/1.0", top_k, CLIENTS).rows(files)}


def test_each_file_has_a_row(url: str, tmp_path: Path) -> None:
    found = rows(url, images(tmp_path, "200", "415", "200"))
    assert {name: row.status for name, row in found.items()} == {"0": 200, "1": 415, "2": 200}
    assert (found["0"].class_id, found["0"].label, found["0"].predictions) == (7, "cock", OK)
    assert (found["1"].type, found["1"].detail) == ("/problems/415", "send another")


def test_what_is_sent(url: str, fake: Fake, tmp_path: Path) -> None:
    rows(url, images(tmp_path, "200"), top_k=3)
    assert fake.paths == {"/predictions/m/1.0"}
    assert (fake.headers["X-Top-K"], fake.headers["Accept"]) == ("3", "application/json")
    assert "Content-Type" not in fake.headers  # TorchServe would parse a form


def test_so_many_at_a_time_and_no_more(url: str, fake: Fake, tmp_path: Path) -> None:
    fake.wait_for_all = True
    assert len(rows(url, images(tmp_path, *["200"] * 3 * CLIENTS))) == 3 * CLIENTS
    assert fake.most == CLIENTS


def test_files_are_taken_as_there_is_room(url: str, tmp_path: Path) -> None:
    taken = 0

    def files() -> Iterator[str]:
        nonlocal taken
        for file in images(tmp_path, *["200"] * 50):
            taken += 1
            yield file

    for done, _ in enumerate(Server(url, "m", None, CLIENTS).rows(files()), 1):
        assert taken <= done + 2 * CLIENTS
    assert done == 50


@pytest.mark.parametrize("status", [0, 429, 502, 503, 504, 507])
def test_an_image_is_sent_again(url: str, fake: Fake, tmp_path: Path, status: int) -> None:
    # A server that cuts off its first request is taken for absent.
    before = ["200"] * (2 * CLIENTS + 1)
    found = rows(url, images(tmp_path, *before, f"{status} 200"))
    assert found[str(len(before))].status == 200
    assert fake.tries[f"{status} 200".encode()] == 2


@pytest.mark.parametrize("status", [502, 504, 507])
def test_an_image_that_ends_the_worker_gets_a_row(url: str, fake: Fake, tmp_path: Path, status: int) -> None:
    found = rows(url, images(tmp_path, str(status), "200"))
    assert (found["0"].status, found["1"].status) == (status, 200)
    assert fake.tries[str(status).encode()] == batch_server.TRIES


@pytest.mark.parametrize("status", [401, 403, 404, 405, 406])
def test_an_error_that_each_image_would_get_ends_the_run(url: str, tmp_path: Path, status: int) -> None:
    with pytest.raises(CommandError, match=rf"the server refused \(status {status}\): send another"):
        rows(url, images(tmp_path, *[str(status)] * 50))


@pytest.mark.parametrize("status", [400, 408, 413, 415, 422, 500])
def test_other_errors_are_rows_at_once(url: str, fake: Fake, tmp_path: Path, status: int) -> None:
    row = rows(url, images(tmp_path, str(status)))["0"]
    assert (row.status, row.is_final) == (status, status not in (408, 500))
    assert fake.tries.total() == 1


def test_an_image_for_which_there_is_never_room_gets_a_row(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batch_server, "PATIENCE", 0.05)
    found = rows(url, images(tmp_path, "503", "200", "200"))
    assert [found[name].status for name in "012"] == [503, 200, 200]
    assert not found["0"].is_final


def test_a_server_without_room_for_any_image(url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batch_server, "PATIENCE", 0.05)
    with pytest.raises(CommandError, match=r"has no room for more images .*: the same command goes on"):
        rows(url, images(tmp_path, *["503"] * 3 * CLIENTS))


def test_a_server_that_is_gone(url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batch_server, "PATIENCE", 0.05)
    with pytest.raises(
        CommandError, match=r"no inference API responds at .*the same command goes on where this one stopped"
    ):
        rows(url, images(tmp_path, "200", "0"))


def test_no_server(tmp_path: Path) -> None:
    """At once: nothing has responded yet."""
    with pytest.raises(CommandError, match=r"no inference API responds at http://127\.0\.0\.1:9 "):
        rows("http://127.0.0.1:9", images(tmp_path, "200"))


@pytest.mark.parametrize("other", [{"hello": "world"}, [1], [], "text"])
def test_another_kind_of_server(url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, other: object) -> None:
    monkeypatch.setattr(f"{__name__}.OK", other)
    with pytest.raises(CommandError, match="this is no prediction"):
        rows(url, images(tmp_path, "200"))


def test_files_that_cannot_be_sent(url: str, fake: Fake, tmp_path: Path) -> None:
    with (tmp_path / "large.jpg").open("wb") as large:
        large.truncate(MAX_BYTES + 1)
    found = rows(url, [str(tmp_path / name) for name in ("gone.jpg", "large.jpg", "")])
    assert (found["gone"].status, found["gone"].type) == (None, "unreadable-file")
    assert (found["large"].status, found["large"].type) == (413, "/problems/body-too-large")
    assert found[tmp_path.name].type == "unreadable-file"  # a folder
    assert not fake.tries
