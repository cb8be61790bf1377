"""The same network over HTTP, on one TorchServe: throughput, latency, batches, CPU time and memory."""

import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import requests

from scripts.client.metrics import samples
from scripts.common.errors import CommandError
from scripts.load.load import Load, Request, Response
from scripts.load.measurement import measure_load
from scripts.server.ports import Ports
from scripts.server.torchserve import TorchServe

WARM_UP_CLIENTS = 16


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
    def jvm(self) -> psutil.Process:
        """TorchServe's frontend."""
        return psutil.Process(self.server.process.pid)

    def batches(self) -> tuple[float, float]:
        """Return the engine's images and batches so far, zeros for a model without these metrics."""
        text = requests.get(f"{self.server.ports.url(self.server.ports.metrics)}/metrics", timeout=30).text
        own = {sample.name: sample.value for sample in samples(text) if sample.labels.get("model_name") == self.name}
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
    served: Served, images: Sequence[Path], seconds: float, clients: int, rate: float = 0.0
) -> dict[str, Any]:
    """Send images for a while.

    Args:
        served: the model.
        images: files to send, in turns.
        seconds: how long.
        clients: of a closed loop, 0 for an open one.
        rate: requests a second of an open loop.

    Returns:
        A sample: kind, server, clients or rate, images_per_second, latencies (s), mean_batch, jvm_cpu_ms_per_image and
        worker_cpu_ms_per_image.
    """
    batches, cpu = served.batches(), _cpu(served)
    load = measure_load(served.url, images, seconds=seconds, clients=clients, rate=rate)
    jvm, workers = (1000 * (after - before) / load.requests for after, before in zip(_cpu(served), cpu, strict=True))
    computed, calls = (after - before for after, before in zip(served.batches(), batches, strict=True))
    return {
        "kind": "open loop" if rate else "closed loop",
        "server": served.name,
        "clients": clients,
        "images_per_second": load.rate,
        "latencies": load.latencies,
        "mean_batch": computed / calls if calls else None,
        "jvm_cpu_ms_per_image": jvm,
        "worker_cpu_ms_per_image": workers,
    }


def _cpu(served: Served) -> tuple[float, float]:
    """Return the CPU seconds of the JVM and of the workers so far."""
    jvm, *workers = (process.cpu_times() for process in (served.jvm, *served.workers))
    return jvm.user + jvm.system, sum(times.user + times.system for times in workers)


def memory(served: Served) -> dict[str, float]:
    """Return the megabytes that each process has for itself: those of the workers are added up."""
    workers = sum(process.memory_full_info().uss for process in served.workers)
    return {"jvm_mb": served.jvm.memory_full_info().uss / 1e6, "workers_mb": workers / 1e6}


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
