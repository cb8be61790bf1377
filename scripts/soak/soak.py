"""Sends good and bad requests for a long time and compares the last quarter of it with the first.

A server that is well answers each as promised, restarts no worker, opens no more files and takes no more memory as time
goes by. What it needs to warm up, the first fifth, counts for nothing. Written to build/soak.json.
"""

import json
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from io import BytesIO
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psutil
from PIL import Image

from scripts.build import archive
from scripts.client.management import Management
from scripts.common.errors import CommandError
from scripts.common.example import example_image
from scripts.common.paths import BUILD
from scripts.common.signals import stopping_on_signals
from scripts.load.traffic import Traffic, kinds
from scripts.server.ports import Ports
from scripts.server.torchserve import TorchServe

FIGURES = BUILD / "soak.json"
WARM_UP = 0.2  # of the whole time
SAMPLES = 200  # of the whole time
LEAST_PAUSE = 0.2  # s between two of them
MEMORY_DRIFT = 0.02  # growth of the memory, as a fraction, from the first quarter to the last
LATENCY_DRIFT = 0.25  # growth of the median; a machine is never quite its own equal
FILES_DRIFT = 4  # connections that are just being opened or closed


@dataclass(frozen=True)
class Sample:
    """One look at a server's processes.

    Args:
        seconds: when, since the start.
        front_end: memory of TorchServe's own process in bytes, its share of what it shares counted (PSS).
        workers: that of all workers.
        files: open files, sockets included, of all of them.
        pids: the workers.
    """

    seconds: float
    front_end: int
    workers: int
    files: int
    pids: tuple[int, ...]


@dataclass(frozen=True)
class Promise:
    """What a long run must show: a figure of the first quarter and of the last, and whether that is good."""

    name: str
    first: float
    last: float
    kept: bool


def look(management: Management, start: float) -> Sample:
    """Take a sample.

    Args:
        management: the management API of a server on this machine.
        start: the time, of time.monotonic(), that counts as 0.

    Raises:
        CommandError: the server runs elsewhere.
    """
    pids = tuple(sorted(pid for version in management.all_versions() for pid in version.pids))
    try:
        workers = [psutil.Process(pid) for pid in pids]
        front_end = workers[0].parent() if workers else None
        if front_end is None:
            raise CommandError("the server has no workers on this machine: name one that runs here, or leave --url out")
        memory = [process.memory_full_info().pss for process in (front_end, *workers)]
        files = sum(process.num_fds() for process in (front_end, *workers))
    except psutil.NoSuchProcess:  # a worker that has just ended: the pids say so
        return Sample(time.monotonic() - start, 0, 0, 0, tuple(pid for pid in pids if psutil.pid_exists(pid)))
    return Sample(time.monotonic() - start, memory[0], sum(memory[1:]), files, pids)


@dataclass
class Soak:
    """A run that is over.

    Args:
        length: seconds that it took.
        samples: what was seen of the processes.
        latencies: (seconds since the start, seconds that a prediction took).
        answered: requests that were answered as promised, by kind.
        problems: what was not, and how often.
    """

    length: float
    samples: list[Sample]
    latencies: list[tuple[float, float]]
    answered: dict[str, int]
    problems: dict[str, int]

    def promises(self) -> list[Promise]:
        """Hold the last quarter against the first.

        Raises:
            CommandError: a quarter without a sample: the run was too short.
        """
        quarter = self.length * (1 - WARM_UP) / 4
        first, last = ([one for one in self.samples if inside(one.seconds)] for inside in self._quarters())
        times = [[took for at, took in self.latencies if inside(at)] for inside in self._quarters()]
        if not (first and last):
            raise CommandError("the run was too short to compare its quarters: give it more minutes")
        memory = [statistics.mean(one.front_end + one.workers for one in part) / 1e6 for part in (first, last)]
        latency = [statistics.median(part or [quarter]) * 1000 for part in times]  # none at all: at least as long
        files = [statistics.median(one.files for one in part) for part in (first, last)]
        restarted = len({pid for one in self.samples for pid in one.pids} - set(self.samples[-1].pids))
        wrong = sum(self.problems.values())
        return [
            Promise("memory, MB", memory[0], memory[1], memory[1] <= memory[0] * (1 + MEMORY_DRIFT)),
            Promise(
                "median of a prediction, ms", latency[0], latency[1], latency[1] <= latency[0] * (1 + LATENCY_DRIFT)
            ),
            Promise("open files", files[0], files[1], files[1] <= files[0] + FILES_DRIFT),
            Promise("workers restarted", 0, restarted, restarted == 0),
            Promise("requests not answered as promised", 0, wrong, wrong == 0),
        ]

    def _quarters(self) -> list[Callable[[float], bool]]:
        """Return what says whether a time lies in the first quarter after the warm-up, and in the last."""
        begin = self.length * WARM_UP
        quarter = (self.length - begin) / 4
        return [lambda at: begin <= at < begin + quarter, lambda at: at >= self.length - quarter]

    def document(self) -> dict[str, Any]:
        """Return everything that a reader may want to look up."""
        return {
            "seconds": round(self.length, 1),
            "warm_up_seconds": round(self.length * WARM_UP, 1),
            "requests": sum(self.answered.values()) + sum(self.problems.values()),
            "answered": self.answered,
            "problems": self.problems,
            "promises": [asdict(promise) for promise in self.promises()],
            "samples": [asdict(sample) for sample in self.samples],
        }


def soak(traffic: Traffic, management: Management, seconds: float) -> Soak:
    """Send requests to a server on this machine, and watch it.

    Args:
        traffic: what to send.
        management: the server's management API.
        seconds: how long.
    """
    samples = []
    start = time.monotonic()
    with traffic:
        while time.monotonic() - start < seconds:
            samples.append(look(management, start))
            time.sleep(max(seconds / SAMPLES, LEAST_PAUSE))
        length = time.monotonic() - start  # the clients may take longer to end
    latencies = [(at - start, took) for at, took in traffic.seconds]
    return Soak(length, samples, latencies, dict(traffic.answered), dict(traffic.problems))


def table(promises: list[Promise]) -> str:
    """Return the promises as text."""
    lines = [f"{'':<36}{'first quarter':>15}{'last quarter':>15}{'':>9}"]
    for one in promises:
        change = f"{(one.last / one.first - 1) * 100:+.1f} %" if one.first else ""
        lines.append(f"{one.name:<36}{one.first:>15.1f}{one.last:>15.1f}{change:>9}{'' if one.kept else '   BROKEN'}")
    return "\n".join(lines)


def jpeg(path: Path) -> bytes:
    """Return a photo as the JPEG that a phone would send."""
    buffer = BytesIO()
    Image.open(path).convert("RGB").save(buffer, "JPEG", quality=90)
    return buffer.getvalue()


@dataclass(frozen=True)
class Target:
    """The server to ask.

    Args:
        url: the inference address of a server that runs on this machine, "" to start one.
        model: the model directory of the server to start, "" for the Hub's.
        name: the served name, "" for the source's own or the first one that is registered.
        port: of the server to start.
    """

    url: str
    model: str
    name: str
    port: int

    @contextmanager
    def served(self) -> Iterator[tuple[str, Management, str]]:
        """Give the inference address, the management API and the model's name.

        Raises:
            CommandError: the server does not run, or cannot be started.
        """
        if self.url:
            parts = urlsplit(self.url)
            management = Management(f"{parts.scheme}://{parts.hostname}:{(parts.port or 8080) + 1}")
            yield self.url.rstrip("/"), management, self.name or management.models()[0].name
            return
        ports = Ports(self.port)
        ports.require_free()  # before a build of half a minute
        packed = archive.ensure(self.model, self.name)
        models, folder = {packed.stem: packed.name}, BUILD / "soak" / str(self.port)
        with TorchServe(models, ports=ports, run_directory=folder) as server:
            yield ports.url(ports.inference), server.management, packed.stem


def run(target: Target, minutes: float, clients: int, output: Path) -> None:
    """Send requests, write the samples and print the table.

    Raises:
        CommandError: a promise is broken.
    """
    photo = jpeg(example_image())
    with stopping_on_signals(), target.served() as (url, management, model):
        print(f"asking {model} at {url} for {minutes:g} minutes", flush=True)
        result = soak(Traffic(kinds(url, model, photo), clients), management, minutes * 60)
    promises = result.promises()
    output.parent.mkdir(exist_ok=True)
    document = {"model": model, "clients": clients, **result.document()}
    output.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    print(f"{document['requests']} requests\n{table(promises)}")
    for problem, count in sorted(result.problems.items()):
        print(f"{count} x {problem}")
    if broken := [promise.name for promise in promises if not promise.kept]:
        raise CommandError(f"broken: {', '.join(broken)}; all samples are in {output}")
