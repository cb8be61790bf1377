"""The clients of a load: a plan as JSON on stdin, what they measured as JSON on stdout; load.py starts it.

Locust is the load generator. It has a process of its own, because importing it replaces Python's sockets by gevent's.
Its users speak through geventhttpclient, on which Locust's own HTTP user stands: that one's statistics, which nobody
reads here, would take 0.3 ms a request from the server that shares the CPUs.
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
from geventhttpclient import URL, HTTPClient
from geventhttpclient.response import HTTPParseError
from locust import User, task
from locust.env import Environment
from locust.exception import StopUser

TIMEOUT = 120.0  # s for one answer


class Client(User):
    """Posts photos one after another; what all clients share hangs on the class."""

    abstract = True  # Locust's word for a class that is no user itself
    connections = 1
    photos: Iterator[bytes]
    plan: dict[str, Any]
    began = 0.0
    ended = 0.0
    latencies: list[float]
    problems: list[str]

    def on_start(self) -> None:
        """Start the clock with the first client."""
        self.url = URL(self.plan["url"])
        self.http = HTTPClient.from_url(
            self.url, concurrency=self.connections, connection_timeout=TIMEOUT, network_timeout=TIMEOUT
        )
        type(self).began = self.began or time.perf_counter()

    def ask(self, due: float) -> None:
        """Send one photo and record the seconds since it was due."""
        try:
            answer = self.http.post(self.url.request_uri, body=next(self.photos))
            body = bytes(answer.read())
        except (OSError, HTTPParseError) as error:
            self.problems.append(f"{self.plan['url']} does not answer: {error}")
            return
        type(self).ended = time.perf_counter()
        self.latencies.append(self.ended - due)
        if answer.status_code != 200:
            text = body[:200].decode(errors="replace")
            self.problems.append(f"{self.plan['url']} answered {answer.status_code}: {text}")

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

    connections = 1000

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
