"""The same network over HTTP: throughput, latency, batches, CPU time and memory."""

import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import psutil
import requests
from prometheus_client.samples import Sample

from scripts.client.metrics import samples
from scripts.common.errors import CommandError
from scripts.load.load import Load, Request, Response
from scripts.load.measurement import measure_load
from scripts.server.ports import Ports
from scripts.server.torchserve import TorchServe

WARM_UP_CLIENTS = 16


class Server(Protocol):
    """What takes turns over HTTP: a model on TorchServe, or a peer."""

    @property
    def name(self) -> str:
        """What tables call it."""

    @property
    def url(self) -> str:
        """The prediction address."""

    @property
    def frontend(self) -> list[psutil.Process]:
        """Processes that only pass requests on."""

    @property
    def workers(self) -> list[psutil.Process]:
        """Processes that compute."""

    def batches(self) -> tuple[float, float]:
        """Return the engine's images and batches so far, zeros where these are unknown."""


@dataclass(frozen=True)
class Served:
    """A model on a running server.

    Args:
        server: the server.
        name: the served name.
    """

    server: TorchServe
    name: str

    @property
    def url(self) -> str:
        """The prediction address."""
        return f"{self.server.ports.url(self.server.ports.inference)}/predictions/{self.name}"

    @property
    def workers(self) -> list[psutil.Process]:
        """The model's worker processes."""
        return [psutil.Process(pid) for pid in self.server.management.version(self.name).pids]

    @property
    def frontend(self) -> list[psutil.Process]:
        """TorchServe's JVM."""
        return [psutil.Process(self.server.process.pid)]

    def serving(self) -> dict[str, Any]:
        """Return which engine serves the model, as its description says it."""
        url = f"{self.server.management.url}/models/{self.name}"
        (described,) = requests.get(url, params={"customized": "true"}, timeout=30).json()
        serving: dict[str, Any] = described["customizedMetadata"]["serving"]
        return serving

    def metrics(self) -> Iterator[Sample]:
        """Yield the samples of this model that the handler exports."""
        text = requests.get(f"{self.server.ports.url(self.server.ports.metrics)}/metrics", timeout=30).text
        return (sample for sample in samples(text) if sample.labels.get("model_name") == self.name)

    def batches(self) -> tuple[float, float]:
        """Return the engine's images and batches so far, zeros for a model without these metrics."""
        own = {sample.name: sample.value for sample in self.metrics()}
        return own.get("classifier_batch_images_sum", 0.0), own.get("classifier_batch_images_count", 0.0)


def warm_up(served: Served, images: Sequence[Path], seconds: float) -> None:
    """Let the JVM compile its hot paths.

    That takes tens of thousands of requests, or minutes of images. So most requests are as large as an image but none,
    and the worker refuses them at once.
    """
    request = Request("not an image", served.url, b"not an image" * 2**13, check=_expect_415)
    with Load([request], clients=WARM_UP_CLIENTS, seconds=seconds) as load:
        load.wait()
    measure_load(served.url, images, seconds=seconds, clients=WARM_UP_CLIENTS)


def _expect_415(response: Response) -> str | None:
    return None if response.status == 415 else f"status {response.status}"


def take_turn(
    server: Server, images: Sequence[Path], seconds: float, clients: int, rate: float = 0.0
) -> dict[str, Any]:
    """Send images for a while.

    Args:
        server: where to.
        images: files to send, in turns.
        seconds: how long.
        clients: of a closed loop, 0 for an open one.
        rate: requests a second of an open loop.

    Returns:
        A sample: kind, server, clients or rate, images_per_second, latencies (s), mean_batch, jvm_cpu_ms_per_image,
        worker_cpu_ms_per_image and client_cpu_ms_per_image.
    """
    batches, cpu = server.batches(), _cpu(server)
    client = time.process_time()  # this process only sends, meanwhile
    load = measure_load(server.url, images, seconds=seconds, clients=clients, rate=rate)
    jvm, workers = (1000 * (after - before) / load.requests for after, before in zip(_cpu(server), cpu, strict=True))
    client = time.process_time() - client
    computed, calls = (after - before for after, before in zip(server.batches(), batches, strict=True))
    return {
        "kind": "open loop" if rate else "closed loop",
        "server": server.name,
        "clients": clients,
        "images_per_second": load.rate,
        "latencies": load.latencies,
        "mean_batch": computed / calls if calls else None,
        "jvm_cpu_ms_per_image": jvm,
        "worker_cpu_ms_per_image": workers,
        "client_cpu_ms_per_image": 1000 * client / load.requests,
    }


def _cpu(server: Server) -> tuple[float, float]:
    """Return the CPU seconds of the JVM and of the workers so far."""
    return _cpu_seconds(server.frontend), _cpu_seconds(server.workers)


def _cpu_seconds(processes: list[psutil.Process]) -> float:
    return float(sum(times.user + times.system for times in (process.cpu_times() for process in processes)))


def memory(server: Server) -> dict[str, float]:
    """Return the resident megabytes of the JVM and of the workers.

    For a server by itself, that is its PSS. Here, PSS would leave out what the benchmark's other processes map too: a
    part of torch's libraries.
    """
    return {"jvm_mb": _resident_mb(server.frontend), "workers_mb": _resident_mb(server.workers)}


def _resident_mb(processes: list[psutil.Process]) -> float:
    return float(sum(process.memory_info().rss for process in processes)) / 1e6


def cold_start(model: str, name: str, ports: Ports, timeout: float = 300.0) -> float:
    """Return the seconds from `make serve`'s command to its first real prediction, with the archive built.

    Raises:
        CommandError: the server ended, or took too long.
    """
    command = [
        sys.executable,
        "-m",
        "scripts",
        "serve",
        "--model",
        model,
        "--name",
        name,
        "--port",
        str(ports.inference),
    ]
    start = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None  # noqa: S101 - a pipe, see above
    taken = None
    for line in process.stdout:
        if "is served" in line:  # printed after a first prediction
            taken = time.perf_counter() - start
            break
        if time.perf_counter() - start > timeout:
            break
    process.send_signal(signal.SIGTERM)
    process.communicate()
    if taken is None:
        raise CommandError(f"the server did not start (status {process.returncode}): try make serve by itself")
    return taken
