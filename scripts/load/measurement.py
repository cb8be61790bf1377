"""Sends images to a prediction address in a closed or an open loop, and measures throughput and latency."""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from scripts.common.errors import CommandError
from scripts.load.load import Load, Request


@dataclass(frozen=True)
class Measurement:
    """Throughput and latency of a load.

    Args:
        requests: how many were sent; all of them succeeded.
        seconds: from the first request to the last response.
        latencies: seconds of each response; in an open loop since the moment when its request was due.
    """

    requests: int
    seconds: float
    latencies: tuple[float, ...]

    @property
    def rate(self) -> float:
        """Requests a second."""
        return self.requests / self.seconds

    def percentile(self, percent: int) -> float:
        """Return a percentile of the latencies in milliseconds."""
        if len(self.latencies) == 1:
            return 1000 * self.latencies[0]
        return 1000 * statistics.quantiles(self.latencies, n=100, method="inclusive")[percent - 1]


def measure_load(
    url: str, images: Sequence[Path], *, seconds: float, clients: int = 1, rate: float = 0.0
) -> Measurement:
    """Send images in turns for a while.

    Args:
        url: a prediction address.
        images: files to send.
        seconds: for how long requests are sent; the last responses come after that.
        clients: of a closed loop: each sends its next image once the last one has a response.
        rate: requests a second of an open loop; 0 for a closed loop.

    Raises:
        CommandError: a request failed.
    """
    requests = [Request(path.name, url, path.read_bytes()) for path in images]
    with Load(requests, clients=clients, rate=rate, seconds=seconds) as load:
        load.wait()
    for result in load.results:
        if result.problem:
            raise CommandError(f"{url}: {result.problem}")
    if not load.results:
        raise CommandError(f"no request was sent in {seconds} s: give it more time")
    end = max(result.end for result in load.results)
    return Measurement(len(load.results), end - load.began, tuple(result.latency for result in load.results))
