"""The clients of a load: a plan as JSON on stdin, what they measured as JSON on stdout; `scripts/load.py` starts it.

Locust is the load generator. It has a process of its own, because importing it replaces Python's sockets by gevent's.
"""

import itertools
import json
import random
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gevent
from locust import FastHttpUser, task
from locust.env import Environment
from locust.exception import StopUser

TIMEOUT = 120.0  # s for one answer


class Client(FastHttpUser):
    """Posts photos one after another; what all clients share hangs on the class."""

    abstract = True  # Locust's word for a class that is no user itself
    network_timeout = connection_timeout = TIMEOUT
    photos: Iterator[bytes]
    plan: dict[str, Any]
    began = 0.0
    ended = 0.0
    latencies: list[float]
    problems: list[str]

    def on_start(self) -> None:
        """Start the clock with the first client, and look for no cookies, which would take 0.2 ms a request."""
        self.client.client.cookiejar = None
        type(self).began = self.began or time.perf_counter()

    def ask(self, due: float) -> None:
        """Send one photo and record the seconds since it was due."""
        answer = self.client.post(self.plan["url"], data=next(self.photos))  # type: ignore[arg-type]
        type(self).ended = time.perf_counter()
        self.latencies.append(self.ended - due)
        if not answer.status_code:
            self.problems.append(f"{self.plan['url']} does not answer: {getattr(answer, 'error', 'no reason')}")
        elif answer.status_code != 200:
            self.problems.append(f"{self.plan['url']} answered {answer.status_code}: {(answer.text or '')[:200]}")

    @property
    def over(self) -> bool:
        """Whether nothing more is to be sent."""
        return bool(self.problems) or time.perf_counter() >= self.began + self.plan["seconds"]


class ClosedLoop(Client):
    """Asks again as soon as it is answered."""

    @task
    def keep_asking(self) -> None:
        """Ask once; Locust repeats it."""
        if self.over:
            raise StopUser
        self.ask(time.perf_counter())


class OpenLoop(Client):
    """Asks at random (Poisson) times that no answer can hold up: a queue shows in the latencies."""

    concurrency = 1000  # connections

    @task
    def arrive(self) -> None:
        """Let all requests arrive, and wait for the last answer."""
        sent = []
        due = self.began
        while not self.over:
            due += random.expovariate(self.plan["rate"])
            gevent.sleep(max(0.0, due - time.perf_counter()))
            sent.append(gevent.spawn(self.ask, due))
        gevent.joinall(sent)
        raise StopUser


def main() -> None:
    """Run one plan: url, photos (paths), clients, seconds, rate (requests/s; 0 for a closed loop)."""
    plan = json.load(sys.stdin)
    random.seed(0)  # the same arrivals every time
    kind = OpenLoop if plan["rate"] else ClosedLoop
    kind.abstract = False
    kind.host = plan["url"]
    kind.plan, kind.latencies, kind.problems = plan, [], []
    kind.photos = itertools.cycle([Path(path).read_bytes() for path in plan["photos"]])
    runner = Environment(user_classes=[kind]).create_local_runner()
    clients = 1 if plan["rate"] else plan["clients"]
    runner.start(clients, spawn_rate=clients)
    gevent.joinall([runner.spawning_greenlet])
    runner.user_greenlets.join()
    json.dump({"seconds": kind.ended - kind.began, "latencies": kind.latencies, "problems": kind.problems}, sys.stdout)


if __name__ == "__main__":
    main()
