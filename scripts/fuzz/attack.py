"""Sends malformed requests with good ones between them, and counts what became of each."""

import http.client
import json
import socket
import threading
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from scripts.common.errors import CommandError
from scripts.fuzz.wire import Malformed, encode

CLIENTS = 8  # as many as a batch takes, so that good and bad requests meet in one
GOOD_EVERY = 5  # malformed requests to a good one
TIMEOUT = 60.0  # s for an answer that is due
HALF_TIMEOUT = 10.0  # s for one to half a request
LOOK = 0.2  # s between two looks at the workers
SCORE_TOLERANCE = 1e-4  # the same photo in batches of another size differs by rounding
# What TorchServe's front end raises at some forms and at an address without a slash, before a handler is asked; the
# gateway keeps both from it.
FRONT_END_ERRORS = ("ErrorDataDecoderException", "StringIndexOutOfBoundsException", "ArrayIndexOutOfBoundsException")


@dataclass
class Report:
    """What became of the requests.

    Args:
        statuses: kind -> status -> how many; 0 is no answer.
        server_errors: malformed requests that were answered 5xx, with the answer.
        front_end_errors: how many requests TorchServe answered 500 to without asking the handler.
        unanswered: whole requests that got no answer.
        good: good requests sent.
        harmed: good requests that were answered otherwise than alone, with the answer.
        deaths: workers that ended.
        memory: process -> MB before, most, after.
    """

    statuses: dict[str, Counter[int]] = field(default_factory=dict)
    server_errors: list[tuple[Malformed, str]] = field(default_factory=list)
    front_end_errors: int = 0
    unanswered: list[Malformed] = field(default_factory=list)
    good: int = 0
    harmed: list[str] = field(default_factory=list)
    deaths: int = 0
    memory: dict[str, tuple[float, float, float]] = field(default_factory=dict)

    def broken(self) -> list[str]:
        """Return the promises that were not kept."""
        counts = {
            "answers of 5xx": len(self.server_errors),
            "requests without an answer": len(self.unanswered),
            "good requests harmed": len(self.harmed),
            "workers dead": self.deaths,
        }
        return [f"{count} {what}" for what, count in counts.items() if count]


@dataclass
class Attack:
    """One server under malformed requests.

    Args:
        url: its inference address, http only: what is sent must not pass through a library.
        model: the served name.
        workers: returns the workers' process ids; None where nobody can tell.
        memory: returns process -> MB; None likewise.
        front_end: whether its front end may answer 500 by itself, as TorchServe's does without the gateway.
    """

    url: str
    model: str
    workers: Callable[[], frozenset[int]] | None = None
    memory: Callable[[], dict[str, float]] | None = None
    front_end: bool = False

    def run(self, malformed: list[Malformed], photos: list[bytes]) -> Report:
        """Send them all, with good photos between them.

        Raises:
            CommandError: the server does not even answer good photos while nothing else happens.
        """
        report, lock = Report(), threading.Lock()
        expected = {photo: self._expected(photo) for photo in photos}
        plan: list[Malformed | bytes] = []
        for index, request in enumerate(malformed):
            plan += [request] if index % GOOD_EVERY else [request, photos[index // GOOD_EVERY % len(photos)]]

        def one(item: Malformed | bytes) -> None:
            if isinstance(item, bytes):
                status, body = self._send(encode(self._path(), item), TIMEOUT)
                with lock:
                    report.good += 1
                    if status != 200 or not same(json.loads(body), expected[item]):
                        report.harmed.append(f"{status} {body[:500]!r}")
                return
            status, body = self._send(item.data, TIMEOUT if item.complete else HALF_TIMEOUT, half=not item.complete)
            with lock:
                self._count(report, item, status, body)

        with _Watch(self, report), ThreadPoolExecutor(CLIENTS) as pool:
            list(pool.map(one, plan))
        return report

    def _count(self, report: Report, request: Malformed, status: int, body: bytes) -> None:
        report.statuses.setdefault(request.kind, Counter())[status] += 1
        if status == 0 and request.complete:
            report.unanswered.append(request)
        if status >= 500:
            own = any(name.encode() in body for name in FRONT_END_ERRORS)
            if self.front_end and request.front_end and own:
                report.front_end_errors += 1
            else:
                report.server_errors.append((request, f"{status} {body[:500]!r}"))

    def _path(self) -> bytes:
        return f"/predictions/{self.model}".encode()

    def _expected(self, photo: bytes) -> Any:
        status, body = self._send(encode(self._path(), photo), TIMEOUT)
        if status != 200:
            raise CommandError(f"{self.url} does not name a good photo (status {status}): {body[:300]!r}")
        return json.loads(body)

    def _send(self, data: bytes, timeout: float, half: bool = False) -> tuple[int, bytes]:
        """Return the status, 0 if there is no answer, and the body.

        Args:
            data: what is sent.
            timeout: seconds for the answer.
            half: close this side once it is sent: nobody waits for the rest.
        """
        address = urlsplit(self.url)
        try:
            with socket.create_connection((str(address.hostname), address.port or 80), timeout) as connection:
                try:
                    connection.sendall(data)
                    if half:
                        connection.shutdown(socket.SHUT_WR)
                except (BrokenPipeError, ConnectionResetError):
                    pass  # it has answered before it heard all
                response = http.client.HTTPResponse(connection, method=data.split(b" ", 1)[0].decode("latin-1"))
                response.begin()
                return response.status, response.read()
        except (OSError, http.client.HTTPException):
            return 0, b""


class _Watch:
    """Looks at workers and memory while the attack goes on."""

    def __init__(self, attack: Attack, report: Report) -> None:
        self._attack, self._report = attack, report
        self._over = threading.Event()
        self._pids: set[int] = set()
        self._most: dict[str, float] = {}

    def __enter__(self) -> None:
        self._first = self._attack.workers() if self._attack.workers else frozenset()
        self._before = self._attack.memory() if self._attack.memory else {}
        self._thread = threading.Thread(target=self._look)
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()
        last = self._attack.workers() if self._attack.workers else frozenset()
        self._report.deaths = len((self._pids | last) - self._first) + max(0, len(self._first) - len(last))
        after = self._attack.memory() if self._attack.memory else {}
        for name, size in self._before.items():
            now = after.get(name, 0.0)
            self._report.memory[name] = (size, max(size, now, self._most.get(name, 0.0)), now)

    def _look(self) -> None:
        while not self._over.wait(LOOK):
            if self._attack.workers:
                self._pids |= self._attack.workers()
            if self._attack.memory:
                for name, size in self._attack.memory().items():
                    self._most[name] = max(size, self._most.get(name, 0.0))


def same(answer: Any, expected: Any) -> bool:
    """Say whether two answers name the same classes with the same scores, but for rounding."""
    return len(answer) == len(expected) and all(
        one["class_id"] == other["class_id"] and abs(one["score"] - other["score"]) < SCORE_TOLERANCE
        for one, other in zip(answer, expected, strict=True)
    )
