"""Sends photos to a prediction address, as fast as clients are answered or at a rate of their own, and measures it."""

import json
import statistics
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from scripts.common.errors import CommandError
from scripts.common.paths import PROJECT


@dataclass(frozen=True)
class Load:
    """What a load measured.

    Args:
        requests: answered, all of them with status 200.
        seconds: from the first request to the last answer.
        latencies: seconds of each answer; in an open loop since the moment when its request was due.
    """

    requests: int
    seconds: float
    latencies: tuple[float, ...]

    @property
    def rate(self) -> float:
        """Answers a second."""
        return self.requests / self.seconds

    def percentile(self, percent: int) -> float:
        """Return the milliseconds in which so many percent of the requests were answered."""
        if len(self.latencies) == 1:
            return 1000 * self.latencies[0]
        return 1000 * statistics.quantiles(self.latencies, n=100, method="inclusive")[percent - 1]


def send(url: str, photos: Sequence[Path], *, seconds: float, clients: int = 1, rate: float = 0.0) -> Load:
    """Send photos, in turns, for a while.

    Args:
        url: a prediction address.
        photos: what to send.
        seconds: for how long requests are sent; the last answers come after that.
        clients: of a closed loop: each sends its next photo once the last one is answered.
        rate: requests a second of an open loop, which arrive at random whether or not others were answered; 0 for a
            closed loop.

    Raises:
        CommandError: an answer other than 200, or none.
    """
    plan = {"url": url, "photos": [str(path.resolve()) for path in photos], "clients": clients}
    plan |= {"seconds": seconds, "rate": rate}
    command = [sys.executable, "-m", "scripts.load.clients"]
    done = subprocess.run(command, input=json.dumps(plan), capture_output=True, text=True, check=False, cwd=PROJECT)
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["no message"])[-1]
        raise CommandError(f"the load generator ended: {last}. Run make setup if it is not installed")
    measured = json.loads(done.stdout)
    if measured["problems"]:
        raise CommandError(measured["problems"][0])
    if not measured["latencies"]:
        raise CommandError(f"no request was sent in {seconds} s: give it more time")
    return Load(len(measured["latencies"]), measured["seconds"], tuple(measured["latencies"]))
