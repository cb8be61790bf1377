"""Steady load on a server that has a fault, and what became of each request."""

import itertools
import json
import math
import time
from collections import Counter
from collections.abc import Iterable

from filelock import FileLock

from scripts.common.paths import BUILD
from scripts.common.waiting import wait_until
from scripts.load import load
from scripts.load.load import CUT, REFUSED, Request, Response, Result

# docs/api.md and docs/deployment.md say when each comes; REFUSED is a connection that the server did not accept.
DOCUMENTED = ("429", "500", "502", "503", "504", "507", REFUSED)
FIGURES = BUILD / "faults.json"  # docs/figures/faults.json is a copy: make figures


class Load(load.Load):
    """Clients that send one image after another until they are told to stop.

    Args:
        url: a prediction address.
        image: what to send.
        clients: how many at once.
        keep_alive: one connection a client, or one a request.
        total: how many requests are sent.
    """

    def __init__(
        self, url: str, image: bytes, clients: int = 8, keep_alive: bool = True, total: float = math.inf
    ) -> None:
        super().__init__([Request("image", url, image)], clients=clients, keep_alive=keep_alive, total=total)
        self.outcomes: dict[str, str] = {}
        self.responses: list[tuple[float, float, bytes]] = []  # sent, received, body of each 200
        self.longest = 0.0
        self._fault = 0.0

    def received(self, result: Result, response: Response | None) -> None:
        malformed = result.outcome == "200" and result.problem
        self.outcomes[result.request_id] = "malformed" if malformed else result.outcome
        self.longest = max(self.longest, result.latency)
        if response and response.status == 200:
            self.responses.append((result.due, result.end, response.body))

    def wait_for(self, count: int, outcome: str = "200", timeout: float = 120.0) -> None:
        """Wait until so many requests have this outcome."""
        assert wait_until(lambda: self.counts()[outcome] >= count, timeout, poll=0.05), self.counts()

    def counts(self) -> Counter[str]:
        """Return the number of requests by outcome."""
        return Counter(list(self.outcomes.values()))  # a copy: the clients go on

    def longest_gap(self) -> float:
        """Return the longest time, in seconds, between two responses 200 to any clients."""
        times = sorted(received for _, received, _ in self.responses)
        return max((later - earlier for earlier, later in itertools.pairwise(times)), default=0.0)

    def begin_fault(self) -> None:
        """Note that the fault begins now."""
        self._fault = time.monotonic()

    def recovery_seconds(self) -> float:
        """Return the seconds from the fault to the end of the longest gap after it."""
        times = [self._fault, *sorted(received for _, received, _ in self.responses if received > self._fault)]
        end = max(itertools.pairwise(times), key=lambda pair: pair[1] - pair[0], default=times * 2)[1]
        return end - self._fault

    def refuse_untaken(self, taken: Iterable[object]) -> None:
        """Count a cut connection as refused where the servers' logs do not know the request, at most once a client.

        A server that closes its listener leaves connections that the system held for it: they are reset, and it has
        read nothing of them.

        Args:
            taken: ids of the requests in the logs of the gateway and of the servers behind it: if it ends at once, it
                does not log the requests that it leaves.
        """
        cut = {request for request, outcome in self.outcomes.items() if outcome == CUT}
        untaken = cut - set(taken)
        assert len(untaken) <= self.clients, self.counts()
        self.outcomes |= dict.fromkeys(untaken, REFUSED)

    def lost(self) -> int:
        """Return how many requests had neither a prediction, nor a documented error, nor a refused connection."""
        counts = self.counts()
        return counts.total() - sum(counts[outcome] for outcome in ("200", *DOCUMENTED))

    def record(self, what: str, **more: object) -> None:
        """Keep the figures of this load in build/faults.json.

        Args:
            what: what was done to the service: a row of the table in docs/reliability.md.
            more: further figures, such as recovery_seconds.
        """
        counts = self.counts()
        row = {
            "sent": counts.total(),
            "succeeded": counts["200"],
            "refused": counts.total() - counts["200"] - self.lost(),
            "lost": self.lost(),
            "outcomes": dict(counts),
            "longest_gap_seconds": round(self.longest_gap(), 2),
            "longest_response_seconds": round(self.longest, 2),
            **({"recovery_seconds": round(self.recovery_seconds(), 2)} if self._fault else {}),
            **more,
        }
        with FileLock(FIGURES.with_suffix(".lock")):  # tests run in two processes
            figures = json.loads(FIGURES.read_text()) if FIGURES.exists() else {}
            FIGURES.write_text(json.dumps(figures | {what: row}, indent=1) + "\n")
