"""Good and bad requests in turns, each with the response that docs/api.md promises, and clients that send them."""

import itertools
import threading
import time
import zlib
from base64 import b64encode
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import requests

from handler import errors
from handler.errors import Problem

# A PNG's header that lies about 30,000 x 30,000 pixels; nothing behind it is ever read.
HEADER = b"IHDR\0\0\x75\x30\0\0\x75\x30\x08\x02\0\0\0"
TOO_LARGE = b"\x89PNG\r\n\x1a\n\0\0\0\r" + HEADER + zlib.crc32(HEADER).to_bytes(4, "big") + b"\0\0\0\0IDAT"
TIMEOUT = 80.0  # s for one answer: longer than a worker and the gateway may take


@dataclass(frozen=True)
class Kind:
    """One kind of request.

    Args:
        name: what it is.
        request: ready to be sent.
        refusal: the problem that answers it, None where it is answered 200.
    """

    name: str
    request: requests.PreparedRequest
    refusal: Problem | None = None

    def problem_with(self, answer: requests.Response) -> str:
        """Return what is wrong with an answer, "" if it is the one that is promised."""
        if self.refusal is None:
            return "" if answer.ok and answer.content else f"{self.name}: status {answer.status_code}"
        slug = answer.json()["type"].rpartition("/")[2] if "problem+json" in answer.headers["Content-Type"] else ""
        if (answer.status_code, slug) != (self.refusal.status, self.refusal.slug):
            return f"{self.name}: status {answer.status_code} {slug}".rstrip()
        return ""


def kinds(url: str, model: str, photo: bytes) -> list[Kind]:
    """Return one request of each kind.

    Args:
        url: the inference address.
        model: the served name.
        photo: an encoded image.
    """
    predictions = f"{url}/predictions/{model}"

    def kind(name: str, refusal: Problem | None = None, address: str = predictions, **request: Any) -> Kind:
        return Kind(name, requests.Request("POST", address, **request).prepare(), refusal)

    instances = {"instances": [{"b64": b64encode(photo).decode()}] * 2}
    return [
        kind("photo", data=photo),
        kind("photo, names alone", data=photo, headers={"Accept": "text/plain"}),
        kind("form", files={"data": photo}),
        kind("JSON", address=f"{url}/v1/models/{model}:predict", json=instances),
        kind("nothing", errors.EMPTY_BODY, data=b""),
        kind("text", errors.UNSUPPORTED_FORMAT, data=b"hello"),
        kind("half a photo", errors.DAMAGED_IMAGE, data=photo[: len(photo) // 2]),
        kind("too many pixels", errors.TOO_MANY_PIXELS, data=TOO_LARGE),
        kind("no class", errors.INVALID_PARAMETER, data=photo, headers={"X-Top-K": "0"}),
        kind(
            "half a document", errors.INVALID_JSON, data=b'{"instances":', headers={"Content-Type": "application/json"}
        ),
        kind("music wanted", errors.NOT_ACCEPTABLE, data=photo, headers={"Accept": "audio/*"}),
    ]


@dataclass
class Traffic:
    """Clients that send every kind in turns, each as soon as it is answered, until the end of the `with`.

    Args:
        kinds: what to send.
        clients: how many at once; each begins at another kind.
        seconds: (when it was answered, seconds that it took) of every request of the first kind.
        answered: requests that were answered as promised, by kind.
        problems: what was not, and how often.
    """

    kinds: list[Kind]
    clients: int = 4
    seconds: list[tuple[float, float]] = field(default_factory=list)
    answered: Counter[str] = field(default_factory=Counter)
    problems: Counter[str] = field(default_factory=Counter)

    def __enter__(self) -> "Traffic":
        """Start the clients."""
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self._threads = [threading.Thread(target=self._client, args=(index,)) for index in range(self.clients)]
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Let every client finish its request."""
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def _client(self, index: int) -> None:
        start = index * len(self.kinds) // self.clients
        with requests.Session() as session:
            for kind in itertools.cycle(self.kinds[start:] + self.kinds[:start]):
                if self._stop.is_set():
                    return
                self._send(session, kind)

    def _send(self, session: requests.Session, kind: Kind) -> None:
        start = time.monotonic()
        try:
            problem = kind.problem_with(session.send(kind.request, timeout=TIMEOUT))
        except requests.RequestException as error:
            problem = f"{kind.name}: {type(error).__name__}"
            self._stop.wait(0.1)  # nobody there: do not spin
        end = time.monotonic()
        with self._lock:
            if problem:
                self.problems[problem] += 1
                return
            self.answered[kind.name] += 1
            if kind is self.kinds[0]:
                self.seconds.append((end, end - start))
