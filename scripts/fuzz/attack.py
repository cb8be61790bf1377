"""Sends malformed requests with valid ones between them, and counts the responses."""

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
from scripts.common.progress import progress
from scripts.fuzz.wire import Malformed, encode

CLIENTS = 8  # as many as a batch takes, so that valid and malformed requests share one
VALID_EVERY = 5  # malformed requests for each valid one
TIMEOUT = 60.0  # s for a response
INCOMPLETE_TIMEOUT = 10.0  # s for a response to an incomplete request
POLL = 0.2  # s between two samples of the workers
SCORE_TOLERANCE = 1e-4  # the same image in batches of another size differs by rounding
# TorchServe's frontend raises these at some forms and at an address without a slash, before it calls a handler; the
# gateway rejects both.
FRONTEND_ERRORS = ("ErrorDataDecoderException", "StringIndexOutOfBoundsException", "ArrayIndexOutOfBoundsException")

DEADLINE = b"/problems/deadline-exceeded"  # a 504 that the client asked for


@dataclass
class Report:
    """Responses and failures.

    Args:
        statuses: kind -> status -> count; 0 is no response.
        server_errors: malformed requests with a response 5xx, and that response.
        frontend_errors: 500s of TorchServe's frontend, which did not call the handler.
        no_response: complete requests without a response.
        valid: valid requests sent.
        affected: responses to valid requests that differ from the response without other requests.
        deaths: workers that ended.
        memory: process -> MB before, peak, after.
    """

    statuses: dict[str, Counter[int]] = field(default_factory=dict)
    server_errors: list[tuple[Malformed, str]] = field(default_factory=list)
    frontend_errors: int = 0
    no_response: list[Malformed] = field(default_factory=list)
    valid: int = 0
    affected: list[str] = field(default_factory=list)
    deaths: int = 0
    memory: dict[str, tuple[float, float, float]] = field(default_factory=dict)

    def failures(self) -> list[str]:
        """Return the failed checks."""
        counts = {
            "responses 5xx": len(self.server_errors),
            "requests without a response": len(self.no_response),
            "valid requests affected": len(self.affected),
            "workers dead": self.deaths,
        }
        return [f"{count} {what}" for what, count in counts.items() if count]


@dataclass
class Attack:
    """One server under malformed requests.

    Args:
        url: its inference address, http only: requests must not pass through a library.
        model: the served name.
        workers: returns the workers' process ids; None if unknown.
        memory: returns process -> MB; None if unknown.
        frontend: whether its frontend may respond 500 by itself, as TorchServe's does without the gateway.
    """

    url: str
    model: str
    workers: Callable[[], frozenset[int]] | None = None
    memory: Callable[[], dict[str, float]] | None = None
    frontend: bool = False

    def run(self, malformed: list[Malformed], images: list[bytes]) -> Report:
        """Send all malformed requests, with valid images between them.

        Raises:
            CommandError: the server does not classify the valid images even without other requests.
        """
        report = Report()
        expected = {image: self._expected(image) for image in images}
        plan: list[Malformed | bytes] = []
        for index, request in enumerate(malformed):
            plan += [request] if index % VALID_EVERY else [request, images[index // VALID_EVERY % len(images)]]
        with (
            progress("fuzz", len(plan)) as advance,
            _Watch(self, report),
            ThreadPoolExecutor(CLIENTS) as pool,
        ):
            for done, (item, (status, body)) in enumerate(zip(plan, pool.map(self._send_item, plan), strict=True), 1):
                if isinstance(item, Malformed):
                    self._count(report, item, status, body)
                else:
                    report.valid += 1
                    if status != 200 or not same(json.loads(body), expected[item]):
                        report.affected.append(f"{status} {body[:500]!r}")
                advance(done)
        return report

    def _send_item(self, item: Malformed | bytes) -> tuple[int, bytes]:
        if isinstance(item, bytes):
            return self._send(encode(self._path(), item), TIMEOUT)
        timeout = TIMEOUT if item.complete else INCOMPLETE_TIMEOUT
        return self._send(item.data, timeout, incomplete=not item.complete)

    def _count(self, report: Report, request: Malformed, status: int, body: bytes) -> None:
        report.statuses.setdefault(request.kind, Counter())[status] += 1
        if status == 0 and request.complete:
            report.no_response.append(request)
        if status >= 500 and DEADLINE not in body:
            own = any(name.encode() in body for name in FRONTEND_ERRORS)
            if self.frontend and request.frontend and own:
                report.frontend_errors += 1
            else:
                report.server_errors.append((request, f"{status} {body[:500]!r}"))

    def _path(self) -> bytes:
        return f"/predictions/{self.model}".encode()

    def _expected(self, image: bytes) -> Any:
        status, body = self._send(encode(self._path(), image), TIMEOUT)
        if status != 200:
            raise CommandError(f"{self.url} does not classify a valid image (status {status}): {body[:300]!r}")
        return json.loads(body)

    def _send(self, data: bytes, timeout: float, incomplete: bool = False) -> tuple[int, bytes]:
        """Return the status, 0 without a response, and the body.

        Args:
            data: what is sent.
            timeout: seconds for the response.
            incomplete: close this side after sending, so that the server does not wait for the rest.
        """
        address = urlsplit(self.url)
        try:
            with socket.create_connection((str(address.hostname), address.port or 80), timeout) as connection:
                try:
                    connection.sendall(data)
                    if incomplete:
                        connection.shutdown(socket.SHUT_WR)
                except (BrokenPipeError, ConnectionResetError):
                    pass  # it responded before it had read everything
                response = http.client.HTTPResponse(connection, method=data.split(b" ", 1)[0].decode("latin-1"))
                response.begin()
                return response.status, response.read()
        except (OSError, http.client.HTTPException):
            return 0, b""


class _Watch:
    """Samples workers and memory during the attack."""

    def __init__(self, attack: Attack, report: Report) -> None:
        self._attack, self._report = attack, report
        self._stopped = threading.Event()
        self._pids: set[int] = set()
        self._peak: dict[str, float] = {}

    def __enter__(self) -> None:
        self._first = self._attack.workers() if self._attack.workers else frozenset()
        self._before = self._attack.memory() if self._attack.memory else {}
        self._thread = threading.Thread(target=self._sample)
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._stopped.set()
        self._thread.join()
        last = self._attack.workers() if self._attack.workers else frozenset()
        self._report.deaths = len((self._pids | last) - self._first) + max(0, len(self._first) - len(last))
        after = self._attack.memory() if self._attack.memory else {}
        for name, size in self._before.items():
            now = after.get(name, 0.0)
            self._report.memory[name] = (size, max(size, now, self._peak.get(name, 0.0)), now)

    def _sample(self) -> None:
        while not self._stopped.wait(POLL):
            if self._attack.workers:
                self._pids |= self._attack.workers()
            if self._attack.memory:
                for name, size in self._attack.memory().items():
                    self._peak[name] = max(size, self._peak.get(name, 0.0))


def same(response: Any, expected: Any) -> bool:
    """Tell whether two responses hold the same classes and, within the tolerance, the same scores."""
    return len(response) == len(expected) and all(
        one["class_id"] == other["class_id"] and abs(one["score"] - other["score"]) < SCORE_TOLERANCE
        for one, other in zip(response, expected, strict=True)
    )
