"""Steady load from a few clients, and what each request came to."""

import itertools
import json
import threading
import time
import uuid
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

import requests
from filelock import FileLock
from urllib3.exceptions import NewConnectionError

from scripts.common.paths import BUILD
from scripts.common.waiting import wait_until

# docs/api.md and docs/deployment.md say when each comes; "refused" is a connection that nobody took.
DOCUMENTED = ("429", "500", "502", "503", "504", "507", "refused")
FIGURES = BUILD / "faults.json"  # docs/figures/faults.json is a copy: make figures


@dataclass
class Load:
    """Clients that send one photo after another until they are told to stop.

    Args:
        url: where to.
        photo: what.
        clients: how many at once.
        keep_alive: one connection a client, or one a request.
    """

    url: str
    photo: bytes
    clients: int = 8
    keep_alive: bool = True
    outcomes: dict[str, str] = field(default_factory=dict)
    longest: float = 0.0
    answers: list[tuple[float, float, bytes]] = field(default_factory=list)  # sent, answered, body of each 200
    _fault: float = 0.0

    def __enter__(self) -> "Load":
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._client) for _ in range(self.clients)]
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        """Let every client finish its request."""
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def wait_for(self, count: int, outcome: str = "200", timeout: float = 120.0) -> None:
        """Wait until so many requests have come to this outcome."""
        assert wait_until(lambda: self.counts()[outcome] >= count, timeout, poll=0.05), self.counts()

    def counts(self) -> Counter[str]:
        """Return how often each outcome came about: a status, or the name of the client's error."""
        return Counter(list(self.outcomes.values()))

    def longest_gap(self) -> float:
        """Return the longest time, in seconds, between two answers 200, whichever clients they went to."""
        times = sorted(answered for _, answered, _ in self.answers)
        return max((later - earlier for earlier, later in itertools.pairwise(times)), default=0.0)

    def begin_fault(self) -> None:
        """Note that the fault comes now."""
        self._fault = time.monotonic()

    def recovery_seconds(self) -> float:
        """Return the seconds from the fault to the end of the longest gap after it."""
        times = [self._fault, *sorted(answered for _, answered, _ in self.answers if answered > self._fault)]
        end = max(itertools.pairwise(times), key=lambda pair: pair[1] - pair[0], default=times * 2)[1]
        return end - self._fault

    def refuse_untaken(self, taken: Iterable[object]) -> None:
        """Call a cut connection "refused" where the server's log does not know the request, at most once a client.

        A server that closes its listener leaves connections that the system held for it: they are reset, and it has
        read nothing of them.

        Args:
            taken: ids of the requests in the server's log.
        """
        cut = {request for request, outcome in self.outcomes.items() if outcome == "ConnectionError"}
        untaken = cut - set(taken)
        assert len(untaken) <= self.clients, self.counts()
        self.outcomes |= dict.fromkeys(untaken, "refused")

    def lost(self) -> int:
        """Return how many requests came to anything but an answer, a documented refusal or a refused connection."""
        counts = self.counts()
        return counts.total() - sum(counts[outcome] for outcome in ("200", *DOCUMENTED))

    def record(self, what: str, **more: object) -> None:
        """Keep what this load came to in build/faults.json.

        Args:
            what: what was done to the service, as the table in docs/reliability.md says it.
            more: further figures, such as recovery_seconds.
        """
        counts = self.counts()
        row = {
            "sent": counts.total(),
            "answered": counts["200"],
            "refused": counts.total() - counts["200"] - self.lost(),
            "lost": self.lost(),
            "outcomes": dict(counts),
            "longest_gap_seconds": round(self.longest_gap(), 2),
            "longest_answer_seconds": round(self.longest, 2),
            **({"recovery_seconds": round(self.recovery_seconds(), 2)} if self._fault else {}),
            **more,
        }
        with FileLock(FIGURES.with_suffix(".lock")):  # tests run in two processes
            figures = json.loads(FIGURES.read_text()) if FIGURES.exists() else {}
            FIGURES.write_text(json.dumps(figures | {what: row}, indent=1) + "\n")

    def _client(self) -> None:
        with requests.Session() as session:
            while not self._stop.is_set():
                request_id = uuid.uuid4().hex
                headers = {"X-Request-Id": request_id}
                start = time.monotonic()
                try:
                    post = session.post if self.keep_alive else requests.post
                    answer = post(self.url, data=self.photo, headers=headers, timeout=100)
                    self.outcomes[request_id] = str(answer.status_code)
                    if answer.ok:
                        self.answers.append((start, time.monotonic(), answer.content))
                except requests.RequestException as error:
                    self.outcomes[request_id] = _name(error)
                if self.outcomes[request_id] != "200":
                    time.sleep(0.05)  # a client that is refused waits a little
                self.longest = max(self.longest, time.monotonic() - start)


def _name(error: requests.RequestException) -> str:
    """Tell a connection that nobody took, so that no request was on its way, from one that was cut."""
    reason = getattr(error.args[0], "reason", None) if error.args else None
    return "refused" if isinstance(reason, NewConnectionError) else type(error).__name__
