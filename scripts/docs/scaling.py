"""Estimates what it takes to serve N images per second, from the published benchmark.

The estimate is linear: a replica serves the rate of the benchmark's closed loop, times a share that leaves headroom for
bursts, and cores, memory and network grow with the number of replicas.
"""

import math
from dataclasses import dataclass

from scripts.bench.goals import pick
from scripts.bench.jpegs import AS_THEY_ARE
from scripts.docs.figures import Figures, machine, read
from scripts.docs.markdown import table

HEADROOM = 0.7  # share of a replica's maximum rate to plan with: at 70 %, queue times in the open loop are still short
TARGETS = (10, 50, 100, 500, 1000)  # images/s


@dataclass(frozen=True)
class Replica:
    """The figures of one replica.

    Args:
        cpus: cores.
        rate: images/s in a closed loop.
        jvm_ms: CPU milliseconds of TorchServe's frontend per image.
        worker_ms: CPU milliseconds of the worker per image.
        memory_gb: memory of both.
        image_mb: megabytes of an image.
    """

    cpus: int
    rate: float
    jvm_ms: float
    worker_ms: float
    memory_gb: float
    image_mb: float


def replica_of(bench: Figures) -> Replica:
    """Read a replica from the benchmark's figures."""
    name = bench["model"]["name"]
    best = max(pick(bench["turns"], kind="closed loop", server=name), key=lambda row: row["images_per_second"])
    (image,) = pick(bench["turns"], kind="stages", image=AS_THEY_ARE)
    memory = bench["memory"][name]
    return Replica(
        cpus=bench["machine"]["cpus"],
        rate=best["images_per_second"],
        jvm_ms=best["jvm_cpu_ms_per_image"],
        worker_ms=best["worker_cpu_ms_per_image"],
        memory_gb=(memory["jvm_mb"] + memory["workers_mb"]) / 1000,
        image_mb=image["bytes"] / 1e6,
    )


def plan(replica: Replica) -> str:
    """Return a table with the resources for each rate, and the bottleneck."""
    rows = []
    for target in TARGETS:
        replicas = math.ceil(target / (HEADROOM * replica.rate))
        cores = replicas * replica.cpus
        network, memory = target * replica.image_mb * 8, replicas * replica.memory_gb
        rows.append((target, replicas, cores, f"{memory:.1f}", f"{network:.0f}", f"{cores / target:.2f}"))
    return (
        f"One replica of {replica.cpus} cores serves {replica.rate:.1f} images/s, for {replica.worker_ms:.0f} ms of "
        f"the worker's CPU time and {replica.jvm_ms:.1f} ms of the frontend's per image, in {replica.memory_gb:.1f} "
        f"GB. Images of {replica.image_mb:.2f} MB. Planned with {HEADROOM:.0%} of that rate.\n\n"
        + table(("images/s", "replicas", "cores", "memory, GB", "network in, Mbit/s", "cores per image/s"), rows)
        + f"\n\nThe cores are full first, at {1000 / replica.worker_ms:.1f} images/s each in the workers. The frontend "
        f"would fill one core at {1000 / replica.jvm_ms:.0f} images/s, a link of 1 Gbit/s at "
        f"{1000 / (8 * replica.image_mb):.0f} images/s."
    )


def scaling() -> str:
    """Return the estimate with the machine that it was measured on."""
    return f"Measured on {machine()}. {plan(replica_of(read('bench')))}"
