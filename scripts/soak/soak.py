"""Sends valid and invalid requests for a long time and compares the last quarter of it with the first.

A healthy server returns the expected response to each request, restarts no worker, and needs no more files and memory
as time goes by. The first fifth is warm-up and does not count. Written to build/soak.json.
"""

import json
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from urllib.parse import urlsplit

import psutil
from PIL import Image

from scripts.build import archive
from scripts.client.management import Management
from scripts.common.errors import CommandError
from scripts.common.example import example_image
from scripts.common.paths import BUILD
from scripts.common.progress import progress
from scripts.common.signals import stopping_on_signals
from scripts.load.load import Load
from scripts.load.mix import valid_and_invalid
from scripts.server.ports import Ports
from scripts.server.torchserve import TorchServe
from scripts.soak.drift import Sample, Soak, table

FIGURES = BUILD / "soak.json"
SAMPLES = 200  # of the whole time
MIN_PAUSE = 0.2  # s between two of them


def sample(management: Management, start: float) -> Sample:
    """Take a sample of a server's processes.

    Args:
        management: the management API of a server on this machine.
        start: the time, of time.monotonic(), that counts as 0.

    Raises:
        CommandError: the server runs elsewhere.
    """
    pids = tuple(sorted(pid for version in management.all_versions() for pid in version.pids))
    try:
        workers = [psutil.Process(pid) for pid in pids]
        frontend = workers[0].parent() if workers else None
        if frontend is None:
            raise CommandError("the server has no workers on this machine: name one that runs here, or leave --url out")
        memory = [process.memory_full_info().pss for process in (frontend, *workers)]
        files = sum(process.num_fds() for process in (frontend, *workers))
    except psutil.NoSuchProcess:  # a worker that has just ended: the pids tell
        return Sample(time.monotonic() - start, 0, 0, 0, tuple(pid for pid in pids if psutil.pid_exists(pid)))
    return Sample(time.monotonic() - start, memory[0], sum(memory[1:]), files, pids)


def soak(load: Load, management: Management, seconds: float) -> Soak:
    """Send requests to a server on this machine, and sample its processes.

    Args:
        load: what to send; the latencies are those of its first request.
        management: the server's management API.
        seconds: how long.
    """
    samples = []
    with load, progress("soak", seconds) as advance:
        while (elapsed := time.monotonic() - load.began) < seconds:
            advance(elapsed)
            samples.append(sample(management, load.began))
            time.sleep(max(seconds / SAMPLES, MIN_PAUSE))
        length = time.monotonic() - load.began  # the last responses may take longer
    expected = [result for result in load.results if result.problem is None]
    timed = [result for result in expected if result.name == load.requests[0].name]
    latencies = [(result.end - load.began, result.latency) for result in timed]
    problems = Counter(f"{result.name}: {result.problem}" for result in load.results if result.problem)
    return Soak(length, samples, latencies, dict(Counter(result.name for result in expected)), dict(problems))


def jpeg(path: Path) -> bytes:
    """Return an image as the JPEG that a phone would send."""
    buffer = BytesIO()
    Image.open(path).convert("RGB").save(buffer, "JPEG", quality=90)
    return buffer.getvalue()


@dataclass(frozen=True)
class Target:
    """The server to test.

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
        CommandError: a check failed.
    """
    image = jpeg(example_image())
    with stopping_on_signals(), target.served() as (url, management, model):
        print(f"testing {model} at {url} for {minutes:g} minutes", flush=True)
        load = Load(valid_and_invalid(url, model, image), clients=clients)
        result = soak(load, management, minutes * 60)
    checks = result.checks()
    output.parent.mkdir(exist_ok=True)
    document = {"model": model, "clients": clients, **result.document()}
    output.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    print(f"{document['requests']} requests\n{table(checks)}")
    for problem, count in sorted(result.problems.items()):
        print(f"{count} x {problem}")
    if failed := [check.name for check in checks if not check.passed]:
        raise CommandError(f"failed: {', '.join(failed)}; all samples are in {output}")
