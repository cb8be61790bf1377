"""The fuzzer draws the same requests from the same seed, and notices each promise that a server breaks."""

import itertools
import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest

from scripts.common.errors import CommandError
from scripts.fuzz import images
from scripts.fuzz.attack import Attack
from scripts.fuzz.corpus import KINDS, Corpus
from scripts.fuzz.fuzz import table
from scripts.fuzz.wire import Malformed, encode

GOOD = b"a good photo"


class Faulty(BaseHTTPRequestHandler):
    """Answers as the body says, and a good photo the same only while nothing bad has come."""

    harmful = False

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if body == b"no answer":
            self.close_connection = True
            return
        type(self).harmful |= body == b"harm"
        status = {b"fail": 500, b"form": 500}.get(body, 200 if body == GOOD else 400)
        text = "ErrorDataDecoderException" if body == b"form" else [{"class_id": int(self.harmful), "score": 0.5}]
        answer = json.dumps(text).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def url() -> Iterator[str]:
    Faulty.harmful = False
    server = ThreadingHTTPServer(("127.0.0.1", 0), Faulty)
    Thread(target=server.serve_forever).start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()


def malformed(body: bytes, front_end: bool = False) -> Malformed:
    return Malformed("any", encode(b"/predictions/m", body), front_end=front_end)


def test_a_server_that_keeps_every_promise(url: str) -> None:
    report = Attack(url, "m", lambda: frozenset({1}), lambda: {"worker": 2.0}).run([malformed(b"x")] * 11, [GOOD])
    assert report.broken() == []
    assert (report.good, dict(report.statuses["any"])) == (3, {400: 11})
    assert report.memory == {"worker": (2.0, 2.0, 2.0)}


@pytest.mark.parametrize(
    ("body", "broken"),
    [
        (b"fail", "1 answers of 5xx"),
        (b"form", "1 answers of 5xx"),
        (b"no answer", "1 requests without an answer"),
    ],
)
def test_a_broken_promise_is_noticed(url: str, body: bytes, broken: str) -> None:
    report = Attack(url, "m").run([malformed(body)], [GOOD])
    assert report.broken() == [broken]
    assert broken.split(" ", 1)[0] in table(report)


def test_a_form_that_torchserve_cannot_parse_is_counted_apart(url: str) -> None:
    attack = Attack(url, "m", front_end=True)
    assert attack.run([malformed(b"form", front_end=True)], [GOOD]).broken() == []
    assert attack.run([malformed(b"form"), malformed(b"fail", front_end=True)], [GOOD]).broken() == ["2 answers of 5xx"]


def test_harm_to_a_good_request_is_noticed(url: str) -> None:
    report = Attack(url, "m").run([malformed(b"harm")] * 60, [GOOD])
    assert "good requests harmed" in report.broken()[0]


def test_a_worker_that_ended_is_noticed(url: str) -> None:
    pids = itertools.count(1)
    report = Attack(url, "m", lambda: frozenset({next(pids)})).run([malformed(b"x")], [GOOD])
    assert report.deaths >= 1
    gone = iter([frozenset({1})])
    assert Attack(url, "m", lambda: next(gone, frozenset())).run([malformed(b"x")], [GOOD]).broken() == [
        "1 workers dead"
    ]


def test_a_server_that_does_not_work_at_all_is_said(url: str) -> None:
    with pytest.raises(CommandError, match="does not name a good photo"):
        Attack(url, "m").run([], [b"harm"])


def test_the_corpus_is_the_same_from_the_same_seed_and_holds_every_kind(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(images, "bombs", lambda: (b"a bomb",))  # they take seconds
    drawn = Corpus("m", 1).draw(600)
    assert drawn == Corpus("m", 1).draw(600)
    assert drawn != Corpus("m", 2).draw(600)
    assert len({request.kind for request in drawn}) >= len(KINDS)
    assert len({request.data for request in drawn}) > 500


def test_photos_come_in_every_format_that_is_accepted() -> None:
    from handler.decode.formats import FORMATS
    from handler.decode.image import decode_image

    photos = images.photos()
    for data in photos.values():
        assert decode_image(data, 10**6).shape[0] == 3
    forms = " ".join(photos).upper().replace(" ", "")
    assert all(name in forms for name in set(FORMATS) - {"MPO"})


def test_a_lying_header_lies(monkeypatch: pytest.MonkeyPatch) -> None:
    import random
    from io import BytesIO

    from PIL import Image, UnidentifiedImageError

    chance = random.Random(1)
    data = next(data for form, data in images.photos().items() if form.endswith(" PNG"))
    true = Image.open(BytesIO(data)).size
    sizes = set()
    for _ in range(30):
        try:
            sizes.add(Image.open(BytesIO(images.lying(data, chance))).size)
        except (UnidentifiedImageError, ValueError):
            sizes.add((0, 0))
    assert len(sizes - {true}) > 3
