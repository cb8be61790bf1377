"""One request from socket to socket: where a lone client's time goes.

The archive is served with an entry point that writes down when the worker reads a request and calls the handler. All
processes read the same clock.
"""

import http.client
import statistics
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from handler.metrics import Stage
from scripts.bench import jpegs, service
from scripts.bench.variant import variant
from scripts.build import archive, packing
from scripts.common.errors import CommandError
from scripts.common.paths import BUILD
from scripts.common.signals import stopping_on_signals
from scripts.common.waiting import wait_until
from scripts.server.ports import Ports
from scripts.server.torchserve import TorchServe

PROBE = "LONE_REQUEST_PROBE"  # environment variable: the file that the worker writes
ENTRY_POINT = '''"""Writes a line for each batch: when it began to arrive, was read, and was handled."""

import os
import sys
import time

from ts.protocol import otf_message_handler

from handler.classifier import ImageClassifier

worker = sys.modules["__main__"]
log = open(os.environ["LONE_REQUEST_PROBE"], "a", buffering=1)
times = []
retrieve, read = worker.retrieve_msg, otf_message_handler._retrieve_buffer


def read_noting_the_first_byte(connection, length):
    data = read(connection, length)
    if length == 1:
        times[:] = [time.perf_counter()]
    return data


def retrieve_noting_the_time(connection):
    if len(times) == 4:
        print(*times, file=log)
    message = retrieve(connection)
    times.append(time.perf_counter())
    return message


otf_message_handler._retrieve_buffer = read_noting_the_first_byte
worker.retrieve_msg = retrieve_noting_the_time


class EntryPoint(ImageClassifier):
    def handle(self, data, context):
        times.append(time.perf_counter())
        try:
            return super().handle(data, context)
        finally:
            times.append(time.perf_counter())
'''
STAGES: tuple[Stage, ...] = ("decode", "transform", "inference")


@dataclass(frozen=True)
class Times:
    """Moments of one request, in seconds of one clock: in the client, and then in the worker."""

    begins: float
    sent: float
    responded: float
    arrives: float
    read: float
    handled_from: float
    handled_to: float


def send(url: str, images: Sequence[Path], count: int) -> list[tuple[float, float, float]]:
    """Send images one after the other over one connection; return when each began, was sent, and had its response."""
    host, _, path = url.removeprefix("http://").partition("/")
    connection = http.client.HTTPConnection(host)
    moments = []
    for index in range(count):
        body = images[index % len(images)].read_bytes()
        begins = time.perf_counter()
        connection.request("POST", f"/{path}", body)
        sent = time.perf_counter()
        response = connection.getresponse()
        response.read()
        moments.append((begins, sent, time.perf_counter()))
        if response.status != http.client.OK:
            raise CommandError(f"{url} responded {response.status}: see the server's log")
    connection.close()
    return moments


def stage_seconds(served: service.Served) -> dict[str, tuple[float, float]]:
    """Return the seconds and the number of times of each stage so far."""
    own = {
        (sample.name.removeprefix("classifier_stage_seconds"), sample.labels.get("stage")): sample.value
        for sample in served.metrics()
        if sample.name.startswith("classifier_stage_seconds")
    }
    return {stage: (own.get(("_sum", stage), 0.0), own.get(("_count", stage), 0.0)) for stage in STAGES}


def measure(served: service.Served, probe: Path, images: Sequence[Path], count: int) -> list[tuple[str, float]]:
    """Return the parts of a request's time with their milliseconds, medians over requests; of stages, means."""
    probe.write_text("", encoding="utf-8")
    before = stage_seconds(served)
    sent = send(served.url, images, count)
    # The worker writes a request's line as it takes the next one.
    send(served.url, images, 1)
    lines = wait_until(
        lambda: probe.read_text(encoding="utf-8").splitlines(), 10, done=lambda found: len(found) >= count
    )
    wait_until(lambda: stage_seconds(served)["inference"][1] - before["inference"][1], 10, done=lambda n: n > count)
    after = stage_seconds(served)
    times = [Times(*moments, *map(float, line.split())) for moments, line in zip(sent, lines[:count], strict=True)]

    def milliseconds(begin: str, end: str) -> float:
        return float(1000 * statistics.median(getattr(one, end) - getattr(one, begin) for one in times))

    stages = [
        (f"handler: {stage}", 1000 * (after[stage][0] - before[stage][0]) / (after[stage][1] - before[stage][1]))
        for stage in STAGES
    ]
    handled = milliseconds("handled_from", "handled_to")
    return [
        ("client sends", milliseconds("begins", "sent")),
        ("frontend, maxBatchDelay included", milliseconds("sent", "arrives")),
        ("worker reads and parses", milliseconds("arrives", "handled_from")),
        *stages,
        ("handler: the rest", handled - sum(value for _, value in stages)),
        ("worker replies, frontend responds", milliseconds("handled_to", "responded")),
        ("all", milliseconds("begins", "responded")),
    ]


def run(model: str, images: str, port: int, count: int) -> None:
    """Serve the model with the probe, send requests one after the other, and print the table."""
    ports = Ports(port)
    ports.require_free()
    packed = archive.ensure(model, "")
    BUILD.mkdir(exist_ok=True)
    with stopping_on_signals(), tempfile.TemporaryDirectory(prefix="lone-", dir=BUILD) as folder:
        probe = Path(folder) / "times.txt"
        name = variant(packed, packed.stem, {packing.ENTRY_POINT: ENTRY_POINT}, Path(folder)).name
        real = jpegs.real(images, Path(folder))
        environment = {PROBE: str(probe)}
        with TorchServe({packed.stem: name}, Path(folder), ports, Path(folder) / "serve", environment) as server:
            served = service.Served(server, packed.stem)
            service.warm_up(served, real, seconds=10)
            rows = measure(served, probe, real, count)
            serving = served.serving()
    print(f"{packed.stem} on {serving['engine']} in {serving['precision']}, {count} requests, ms")
    for name, value in rows:
        print(f"  {name:<36}{value:6.2f}")
