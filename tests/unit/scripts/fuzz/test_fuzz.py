"""The fuzzer draws the same requests from the same seed, and notices each failure of a server."""

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

VALID = b"a valid image"


class Faulty(BaseHTTPRequestHandler):
    """Responds as the body says, and to a valid image correctly until a body says `harm`."""

    harmful = False

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if body == b"no response":
            self.close_connection = True
            return
        type(self).harmful |= body == b"harm"
        status = {b"fail": 500, b"form": 500, b"late": 504}.get(body, 200 if body == VALID else 400)
        errors: dict[bytes, object] = {
            b"form": "ErrorDataDecoderException",
            b"late": {"type": "/problems/deadline-exceeded"},
        }
        text = errors.get(body, [{"class_id": int(self.harmful), "score": 0.5}])
        response = json.dumps(text).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(response)))
        self.end_headers()
        self.wfile.write(response)

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


def malformed(body: bytes, frontend: bool = False) -> Malformed:
    return Malformed("any", encode(b"/predictions/m", body), frontend=frontend)


def test_a_deadline_that_is_over_is_no_error_of_the_server(url: str) -> None:
    report = Attack(url, "m").run([malformed(b"late")] * 3, [VALID])
    assert report.failures() == []
    assert report.statuses["any"][504] == 3


def test_healthy_server(url: str) -> None:
    report = Attack(url, "m", lambda: frozenset({1}), lambda: {"worker": 2.0}).run([malformed(b"x")] * 11, [VALID])
    assert report.failures() == []
    assert (report.valid, dict(report.statuses["any"])) == (3, {400: 11})
    assert report.memory == {"worker": (2.0, 2.0, 2.0)}


@pytest.mark.parametrize(
    ("body", "failure"),
    [
        (b"fail", "1 responses 5xx"),
        (b"form", "1 responses 5xx"),
        (b"no response", "1 requests without a response"),
    ],
)
def test_failure(url: str, body: bytes, failure: str) -> None:
    report = Attack(url, "m").run([malformed(body)], [VALID])
    assert report.failures() == [failure]
    assert failure.split(" ", 1)[0] in table(report)


def test_form_that_torchserve_cannot_parse_is_counted_separately(url: str) -> None:
    attack = Attack(url, "m", frontend=True)
    assert attack.run([malformed(b"form", frontend=True)], [VALID]).failures() == []
    assert attack.run([malformed(b"form"), malformed(b"fail", frontend=True)], [VALID]).failures() == [
        "2 responses 5xx"
    ]


def test_affected_valid_request(url: str) -> None:
    report = Attack(url, "m").run([malformed(b"harm")] * 60, [VALID])
    assert "valid requests affected" in report.failures()[0]


def test_worker_that_ended(url: str) -> None:
    pids = itertools.count(1)
    report = Attack(url, "m", lambda: frozenset({next(pids)})).run([malformed(b"x")], [VALID])
    assert report.deaths >= 1
    workers = iter([frozenset({1})])
    assert Attack(url, "m", lambda: next(workers, frozenset())).run([malformed(b"x")], [VALID]).failures() == [
        "1 workers dead"
    ]


def test_server_without_predictions_is_an_error(url: str) -> None:
    with pytest.raises(CommandError, match="does not classify a valid image"):
        Attack(url, "m").run([], [b"harm"])


def test_corpus_depends_on_the_seed_alone_and_holds_every_kind(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(images, "bombs", lambda: (b"a bomb",))  # they take seconds
    drawn = Corpus("m", 1).draw(600)
    assert drawn == Corpus("m", 1).draw(600)
    assert drawn != Corpus("m", 2).draw(600)
    assert len({request.kind for request in drawn}) >= len(KINDS)
    assert len({request.data for request in drawn}) > 500


def test_images_in_every_accepted_format() -> None:
    from handler.decode.formats import FORMATS
    from handler.decode.heic import HEIC
    from handler.decode.image import decode_image

    valid_images = images.valid_images()
    for data in valid_images.values():
        assert decode_image(data, 10**6).shape[0] == 3
    forms = " ".join(valid_images).upper().replace(" ", "")
    assert all(name in forms for name in set(FORMATS) - {"MPO", *HEIC})  # test_damaged.py damages HEIC: none is written


def test_deceptive_header(monkeypatch: pytest.MonkeyPatch) -> None:
    import random
    from io import BytesIO

    from PIL import Image, UnidentifiedImageError

    rng = random.Random(1)
    data = next(data for form, data in images.valid_images().items() if form.endswith(" PNG"))
    true = Image.open(BytesIO(data)).size
    sizes = set()
    for _ in range(30):
        try:
            sizes.add(Image.open(BytesIO(images.deceptive(data, rng))).size)
        except (UnidentifiedImageError, ValueError):
            sizes.add((0, 0))
    assert len(sizes - {true}) > 3
