"""The load generator: clients that send requests to one server and record what became of each.

The clients are greenlets on geventhttpclient, which costs the server's CPUs less than threads or Locust do. They run in
a thread of their own, and gevent replaces nothing in the rest of the process.
"""

import errno
import itertools
import json
import math
import random
import threading
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Self

import gevent
from geventhttpclient import URL, HTTPClient
from geventhttpclient.response import HTTPParseError

TIMEOUT = 120.0  # s for one response: longer than a worker and the gateway may take
PAUSE = 0.05  # s that a client waits after a problem
OPEN_LOOP_CONNECTIONS = 1000
NOT_CONNECTED = (errno.ECONNREFUSED, errno.EHOSTUNREACH, errno.ENETUNREACH)  # nothing was sent
REFUSED, TIMED_OUT, CUT = "refused", "timed out", "cut"  # outcomes without a response


@dataclass(frozen=True)
class Response:
    """A whole response; the names of its headers are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


def expect_json(response: Response) -> str | None:
    """Return what is wrong with a response that should be 200 with a JSON body."""
    if response.status != 200:
        return f"status {response.status}: {response.body[:200].decode(errors='replace')}"
    try:
        json.loads(response.body)
    except ValueError:
        return f"not JSON: {response.body[:200]!r}"
    return None


@dataclass(frozen=True)
class Request:
    """One kind of request, sent by POST.

    Args:
        name: what results are counted by.
        url: where it goes.
        body: what is sent.
        headers: beside Host, Content-Length and X-Request-Id.
        check: returns what is wrong with a response, None where it is as expected.
    """

    name: str
    url: str
    body: bytes = field(repr=False)
    headers: Mapping[str, str] = field(default_factory=dict)
    check: Callable[[Response], str | None] = expect_json


@dataclass(frozen=True, slots=True)
class Result:
    """What became of one request.

    Args:
        request_id: its X-Request-Id.
        name: of its kind.
        due: when it was to be sent, by time.monotonic(); in a closed loop it was sent then.
        end: when its response was complete.
        outcome: the status, or REFUSED, TIMED_OUT or CUT.
        problem: what was wrong with it, None where it is as expected.
    """

    request_id: str
    name: str
    due: float
    end: float
    outcome: str
    problem: str | None

    @property
    def latency(self) -> float:
        """Seconds from when it was due."""
        return self.end - self.due


@dataclass
class Load:
    """Sends requests in turns from the beginning of a `with` to its end, or up to a time or a number.

    Args:
        requests: to one server.
        clients: of a closed loop: each sends the next request once its last one has a response.
        rate: requests a second of an open loop, which arrive at random (Poisson) times that no response delays: a
            queue shows in the latencies. 0 for a closed loop.
        seconds: for how long requests are sent; the last responses come after that.
        total: how many requests are sent.
        keep_alive: one connection a client, or one a request.
        results: of all requests that have ended.
    """

    requests: Sequence[Request]
    clients: int = 1
    rate: float = 0.0
    seconds: float = math.inf
    total: float = math.inf
    keep_alive: bool = True
    results: list[Result] = field(default_factory=list)

    def __enter__(self) -> Self:
        """Start the clients."""
        self._stopped = threading.Event()
        self._sent = 0
        self._prefix = uuid.uuid4().hex[:16]
        self._turns = itertools.cycle([(request, URL(request.url).request_uri) for request in self.requests])
        self.began = time.monotonic()
        thread = ThreadPoolExecutor(1, "load")
        self._ended: Future[None] = thread.submit(self._run)
        thread.shutdown(wait=False)  # it ends with its only task
        return self

    def __exit__(self, *_: object) -> None:
        """Stop sending and wait for the last responses."""
        self.stop()

    def stop(self) -> None:
        """Stop sending and wait for the last responses."""
        self._stopped.set()
        self.wait()

    def wait(self) -> None:
        """Wait until `seconds` or `total` is reached, and for the last responses."""
        self._ended.result()

    def received(self, result: Result, response: Response | None) -> None:  # noqa: ARG002 - for subclasses
        """Record a result; the thread of the clients calls it."""
        self.results.append(result)

    def headers(self, request: Request) -> Mapping[str, str]:
        """Return the headers of a request that is sent now, beside Host, Content-Length and X-Request-Id."""
        return request.headers

    @property
    def _over(self) -> bool:
        ended = self._sent >= self.total or time.monotonic() >= self.began + self.seconds
        return ended or self._stopped.is_set()

    def _run(self) -> None:
        connections = OPEN_LOOP_CONNECTIONS if self.rate else self.clients
        self._http = self._connect(connections)
        try:
            if self.rate:
                self._open_loop()
            else:
                gevent.joinall([gevent.spawn(self._closed_loop) for _ in range(self.clients)], raise_error=True)
        finally:
            self._http.close()
            gevent.get_hub().destroy(destroy_loop=True)

    def _connect(self, connections: int) -> HTTPClient:
        return HTTPClient.from_url(
            self.requests[0].url, concurrency=connections, connection_timeout=TIMEOUT, network_timeout=TIMEOUT
        )

    def _closed_loop(self) -> None:
        while not self._over:
            if self._send(time.monotonic()).problem:
                gevent.sleep(PAUSE)

    def _open_loop(self) -> None:
        chance = random.Random(0)  # noqa: S311 - the same arrivals every time
        sent = []
        due = self.began
        while not self._over:
            due += chance.expovariate(self.rate)
            gevent.sleep(max(0.0, due - time.monotonic()))
            if self._over:
                break
            sent.append(gevent.spawn(self._send, due))
        gevent.joinall(sent, raise_error=True)

    def _send(self, due: float) -> Result:
        request, uri = next(self._turns)
        self._sent += 1
        request_id = f"{self._prefix}-{self._sent}"
        http = self._http if self.keep_alive else self._connect(1)
        response: Response | None = None
        try:
            received = http.post(uri, request.body, {**self.headers(request), "X-Request-Id": request_id})
            headers = {name.lower(): value for name, value in received.items()}
            response = Response(received.status_code, headers, bytes(received.read()))
            end, outcome, problem = time.monotonic(), str(response.status), request.check(response)
        except (OSError, HTTPParseError) as error:
            end, outcome, problem = time.monotonic(), _outcome(error), f"no response: {error}"
        finally:
            if not self.keep_alive:
                http.close()
        result = Result(request_id, request.name, due, end, outcome, problem)
        self.received(result, response)
        return result


def _outcome(error: Exception) -> str:
    if isinstance(error, OSError) and error.errno in NOT_CONNECTED:
        return REFUSED
    return TIMED_OUT if isinstance(error, TimeoutError) else CUT
