"""One JSON line for each request, on the worker's output; TorchServe's log4j takes it to the console or a file.

REQUEST_LOG=off in the environment turns it off. config/log4j2.xml knows the lines by how they begin.
"""

import json
import os
from collections.abc import Sequence
from datetime import UTC, datetime

from handler.protocols.encoding import ModelName
from handler.timeline import Timeline

SETTING = "REQUEST_LOG"  # environment variable

_encode = json.JSONEncoder(separators=(",", ":")).encode  # json.dumps would make one for each line


class RequestLog:
    """Writes the lines of a batch together: each write wakes a thread of the frontend.

    Args:
        served: the model that responds.
        on: whether lines are written at all.
    """

    def __init__(self, served: ModelName, on: bool) -> None:
        self._served, self._on = served, on

    @classmethod
    def from_environment(cls, served: ModelName) -> "RequestLog":
        """Take the environment's setting.

        Raises:
            ValueError: it is neither `on` nor `off`.
        """
        setting = os.environ.get(SETTING) or "on"
        if setting not in ("on", "off"):
            raise ValueError(f"{SETTING} is {setting!r}: set on or off")
        return cls(served, setting == "on")

    def write(self, batch: Sequence[Timeline]) -> None:
        """Write the lines of a batch's requests, but for the server's own checks."""
        if self._on:
            images = sum(timeline.images for timeline in batch)
            lines = [self._line(timeline, images) for timeline in batch if not timeline.hidden]
            if lines:
                print("\n".join(lines), flush=True)

    def _line(self, timeline: Timeline, images: int) -> str:
        milliseconds: dict[str, float] = {}
        for interval in timeline.stages():
            taken = milliseconds.get(interval.stage, 0.0) + 1000 * (interval.end - interval.start)
            milliseconds[interval.stage] = round(taken, 2)
        span = timeline.recorded or timeline.sender
        return _encode(
            {
                "time": datetime.now(UTC).isoformat(timespec="milliseconds"),
                "level": _level(timeline.status),
                "model": self._served.name,
                "version": self._served.version,
                "status": timeline.status,
                "problem": timeline.problem,
                "ms": milliseconds,
                "images": timeline.images,
                "batch": images if timeline.images else 0,
                "request_id": timeline.request_id,
                "torchserve_request_id": timeline.torchserve_id,
                "trace_id": span.trace_id if span else "",
                "span_id": span.span_id if span else "",
            }
        )


def _level(status: int) -> str:
    if status >= 500:
        return "error"
    return "warning" if status >= 400 else "info"
