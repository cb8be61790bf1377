"""What happened to each request of a batch, and when: what the request log and the traces tell about it.

The gateway sends its times and ids in headers: `X-Request-Start`, when the first byte of the request arrived,
`X-Request-Forwarded`, when it passed the request on, and W3C's `traceparent`, which names the gateway's own span. In
`X-Request-Parent` it says which span the client has sent, or `none`.
"""

import re
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

Asked = Literal["predict", "explain", "page", "describe"]  # what a request is for

START = re.compile(r"(?:t=)?([0-9]{10,16}(?:\.[0-9]{1,9})?)")  # since 1970
# (from this value on, how many of them are a second): proxies write seconds, milliseconds or microseconds. A time in
# seconds is smaller until the year 5138, one in milliseconds was larger from 1973 on.
UNITS = ((1e14, 1e6), (1e11, 1e3))
MAX_AGE = 3600.0  # s: no queue is that long; an older time is a wrong clock's, or one that a client keeps sending
REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")  # as the gateway has it
ARRIVED, FORWARDED = "x-request-start", "x-request-forwarded"
# https://www.w3.org/TR/trace-context/#traceparent-header: what a later version adds stands behind the flags.
TRACEPARENT = re.compile(
    r"(?:00-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})"
    r"|(?!00|ff)[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})(?:-.*)?)"
)
SPAN_ID = re.compile(r"(?!0{16})[0-9a-f]{16}")
# Header that keeps the server's own checks out of the log and the traces. The gateway lets no client send it.
NOT_LOGGED = {"X-Request-Log": "off"}


def seconds_since_1970(stamp: str) -> float | None:
    """Read the time that a proxy has written into a header; None where there is none, or one of over an hour ago."""
    found = START.fullmatch(stamp.strip())
    if not found:
        return None
    since_1970 = float(found[1])
    since_1970 /= next((parts for bound, parts in UNITS if since_1970 >= bound), 1.0)
    return since_1970 if time.time() - since_1970 <= MAX_AGE else None


@dataclass(frozen=True)
class TraceParent:
    """A valid `traceparent`.

    Args:
        trace_id: 32 hexadecimal digits.
        span_id: 16 hexadecimal digits, the sender's span.
        sampled: whether the sender may have recorded it.
    """

    trace_id: str
    span_id: str
    sampled: bool

    @classmethod
    def from_header(cls, value: str) -> "TraceParent | None":
        """Read the header; None where it is missing or invalid, which W3C has a receiver ignore."""
        found = TRACEPARENT.fullmatch(value.strip(" \t"))
        if not found:
            return None
        trace_id, span_id, flags = (group for group in found.groups() if group)
        return cls(trace_id, span_id, bool(int(flags, 16) & 1))

    def to_header(self) -> str:
        return f"00-{self.trace_id}-{self.span_id}-{self.sampled:02x}"


@dataclass
class Interval:
    """A part of the way: seconds of time.perf_counter(), and what it failed with."""

    stage: str
    start: float
    end: float
    problem: str = ""


class Timeline:
    """One request; its headers are read only where the log or the traces ask.

    Args:
        headers: in any case; TorchServe mixes the form fields' own headers (dicts) into them.
        torchserve_id: TorchServe's own id of the request.
        began: when the worker got its batch, by time.perf_counter().
    """

    def __init__(self, headers: Mapping[str, Any], torchserve_id: str, began: float) -> None:
        self._headers = headers
        self.torchserve_id, self.began = torchserve_id, began
        self.intervals: list[Interval] = []  # what was done for it; threads may append
        self.asked: Asked = "predict"
        self.images = 0  # that were computed
        self.status = 200
        self.problem = ""  # the slug of its problem
        self.recorded: TraceParent | None = None  # the worker's own span

    @cached_property
    def headers(self) -> dict[str, str]:
        """The headers by their lower-case names."""
        return {name.lower(): value for name, value in self._headers.items() if isinstance(value, str)}

    @cached_property
    def sender(self) -> TraceParent | None:
        """The span of the gateway, or of another sender."""
        return TraceParent.from_header(self.headers.get("traceparent", ""))

    @cached_property
    def before(self) -> tuple[Interval, ...]:
        """What was before the worker, as far as the gateway's times tell it: gateway and queue."""
        return tuple(_before(self.headers, self.began))

    @property
    def request_id(self) -> str:
        """The id that the client knows: the gateway's, else TorchServe's."""
        sent = self.headers.get("x-request-id", "")
        return sent if REQUEST_ID.fullmatch(sent) else self.torchserve_id

    @property
    def hidden(self) -> bool:
        """Whether it is one of the server's own checks."""
        return all(self.headers.get(name.lower()) == value for name, value in NOT_LOGGED.items())

    def stages(self) -> Iterator[Interval]:
        """Yield its way in order: gateway and queue, as far as they are known, and the worker's stages.

        What was done in several pieces becomes one interval, but for `decode` and `transform`, which each image has.
        """
        yield from self.before
        joined: dict[str, Interval] = {}
        for interval in list(self.intervals):
            if interval.stage in ("decode", "transform"):
                yield interval
            elif known := joined.get(interval.stage):
                known.end, known.problem = interval.end, known.problem or interval.problem
            else:
                joined[interval.stage] = Interval(interval.stage, interval.start, interval.end, interval.problem)
        yield from joined.values()


def _before(headers: Mapping[str, str], began: float) -> Iterator[Interval]:
    # The gateway's times are of another machine's clock: none may be later than the worker's own.
    to_counter = time.perf_counter() - time.time()
    arrived, forwarded = (
        None if since_1970 is None else min(since_1970 + to_counter, began)
        for since_1970 in (seconds_since_1970(headers.get(name, "")) for name in (ARRIVED, FORWARDED))
    )
    if arrived is not None and forwarded is not None:
        forwarded = max(arrived, forwarded)
        yield Interval("gateway", arrived, forwarded)
    queued = arrived if forwarded is None else forwarded
    if queued is not None:
        yield Interval("queue", queued, began)
