"""Compares the last quarter of a long load with the first."""

import statistics
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

from scripts.common.errors import CommandError

WARM_UP = 0.2  # share of the whole time
MAX_MEMORY_GROWTH = 0.02  # from the first quarter to the last
MAX_LATENCY_GROWTH = 0.25  # of the median; the speed of a shared machine varies by itself
MAX_MORE_FILES = 4  # connections that are just being opened or closed


@dataclass(frozen=True)
class Sample:
    """The state of a server's processes at one moment.

    Args:
        seconds: since the start.
        frontend: memory of TorchServe's frontend in bytes (PSS: pages shared with others count in part).
        workers: that of all workers.
        files: open files, sockets included, of all of them.
        pids: the workers.
    """

    seconds: float
    frontend: int
    workers: int
    files: int
    pids: tuple[int, ...]


@dataclass(frozen=True)
class Check:
    """A figure of the first quarter and of the last, and whether it stayed within its bound."""

    name: str
    first: float
    last: float
    passed: bool


@dataclass
class Soak:
    """What a long load recorded.

    Args:
        length: seconds that it took.
        samples: of the server's processes.
        latencies: (seconds since the start, latency in seconds) of each prediction for a raw image.
        expected: requests with the expected response, by kind.
        problems: how often each problem occurred.
    """

    length: float
    samples: list[Sample]
    latencies: list[tuple[float, float]]
    expected: dict[str, int]
    problems: dict[str, int]

    def checks(self) -> list[Check]:
        """Compare the last quarter with the first.

        Raises:
            CommandError: a quarter has no sample because the run was too short.
        """
        quarter = self.length * (1 - WARM_UP) / 4
        first, last = ([sample for sample in self.samples if inside(sample.seconds)] for inside in self._quarters())
        times = [[latency for at, latency in self.latencies if inside(at)] for inside in self._quarters()]
        if not (first and last):
            raise CommandError("the run was too short to compare its quarters: give it more minutes")
        memory = [statistics.mean(sample.frontend + sample.workers for sample in part) / 1e6 for part in (first, last)]
        latency = [statistics.median(part or [quarter]) * 1000 for part in times]  # without any: at least a quarter
        files = [statistics.median(sample.files for sample in part) for part in (first, last)]
        restarted = len({pid for sample in self.samples for pid in sample.pids} - set(self.samples[-1].pids))
        wrong = sum(self.problems.values())
        return [
            Check("memory, MB", memory[0], memory[1], memory[1] <= memory[0] * (1 + MAX_MEMORY_GROWTH)),
            Check("median latency, ms", latency[0], latency[1], latency[1] <= latency[0] * (1 + MAX_LATENCY_GROWTH)),
            Check("open files", files[0], files[1], files[1] <= files[0] + MAX_MORE_FILES),
            Check("workers restarted", 0, restarted, restarted == 0),
            Check("unexpected responses", 0, wrong, wrong == 0),
        ]

    def _quarters(self) -> list[Callable[[float], bool]]:
        """Return what tells whether a time lies in the first quarter after the warm-up, and in the last."""
        begin = self.length * WARM_UP
        quarter = (self.length - begin) / 4
        return [lambda at: begin <= at < begin + quarter, lambda at: at >= self.length - quarter]

    def document(self) -> dict[str, Any]:
        """Return all figures as JSON values."""
        return {
            "seconds": round(self.length, 1),
            "warm_up_seconds": round(self.length * WARM_UP, 1),
            "requests": sum(self.expected.values()) + sum(self.problems.values()),
            "expected": self.expected,
            "problems": self.problems,
            "checks": [asdict(check) for check in self.checks()],
            "samples": [asdict(sample) for sample in self.samples],
        }


def table(checks: list[Check]) -> str:
    """Return the checks as text."""
    lines = [f"{'':<24}{'first quarter':>15}{'last quarter':>15}{'':>9}"]
    for check in checks:
        change = f"{(check.last / check.first - 1) * 100:+.1f} %" if check.first else ""
        figures = f"{check.name:<24}{check.first:>15.1f}{check.last:>15.1f}{change:>9}"
        lines.append(figures + ("" if check.passed else "   FAILED"))
    return "\n".join(lines)
