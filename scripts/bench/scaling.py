"""What it takes to answer N images a second, from the figures of build/bench.json: writes the table of a page.

The model is a straight line: a replica on one machine answers what the benchmark's closed loop reached, times a share
that leaves room for bursts; cores, memory and network grow with it.
"""

import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scripts.bench.goals import pick
from scripts.common.errors import CommandError
from scripts.common.paths import BUILD, CONFIG

PAGE = CONFIG / "SCALING.md"
BEGIN, END = "<!-- from here: make bench, then python -m scripts.scaling -->\n", "<!-- up to here -->\n"
ROOM = 0.7  # share of a replica's best rate to plan with: at 70 % of it the open loop's waits are still short
TARGETS = (10, 50, 100, 500, 1000)  # images/s


@dataclass(frozen=True)
class Replica:
    """One replica as measured.

    Args:
        cpus: its cores.
        rate: images/s that clients in a closed loop get from it.
        jvm_ms: CPU milliseconds of TorchServe's front end an image.
        worker_ms: CPU milliseconds of the worker an image.
        memory_gb: memory of both.
        photo_mb: megabytes of a photo.
    """

    cpus: int
    rate: float
    jvm_ms: float
    worker_ms: float
    memory_gb: float
    photo_mb: float


def replica_of(results: dict[str, Any]) -> Replica:
    """Read a replica from the benchmark's results.

    Raises:
        CommandError: they are not those of this benchmark.
    """
    try:
        name = results["model"]["name"]
        best = max(pick(results["turns"], kind="closed loop", server=name), key=lambda row: row["images_per_second"])
        (photo,) = pick(results["turns"], kind="stages", photo="as they are")
        memory = results["memory"][name]
        return Replica(
            cpus=results["machine"]["cpus"],
            rate=best["images_per_second"],
            jvm_ms=best["jvm_cpu_ms_an_image"],
            worker_ms=best["worker_cpu_ms_an_image"],
            memory_gb=(memory["jvm_mb"] + memory["workers_mb"]) / 1000,
            photo_mb=photo["bytes"] / 1e6,
        )
    except (KeyError, TypeError, ValueError) as error:
        raise CommandError(f"the figures are not those of this benchmark ({error!r}): run make bench") from error


def table(replica: Replica, source: str) -> str:
    """Return the page's part with figures, as Markdown."""
    lines = [
        f"Measured on {source}: one replica of {replica.cpus} cores answers {replica.rate:.1f} images/s, for "
        f"{replica.worker_ms:.0f} ms of a worker's CPU time and {replica.jvm_ms:.1f} ms of the front end's for each, "
        f"in {replica.memory_gb:.1f} GB. Photos of {replica.photo_mb:.2f} MB. Planned with {ROOM:.0%} of that rate.",
        "",
        "| images/s | replicas | cores | memory, GB | network in, Mbit/s | cores an image/s |",
        "|---|---|---|---|---|---|",
    ]
    for target in TARGETS:
        replicas = math.ceil(target / (ROOM * replica.rate))
        cores = replicas * replica.cpus
        network = target * replica.photo_mb * 8
        memory = replicas * replica.memory_gb
        lines.append(f"| {target} | {replicas} | {cores} | {memory:.1f} | {network:.0f} | {cores / target:.2f} |")
    front_end = 1000 / replica.jvm_ms
    gigabit = 1000 / (8 * replica.photo_mb)
    lines += [
        "",
        f"What is full first: the cores, at {1000 / replica.worker_ms:.1f} images/s each in the workers. The front end "
        f"would fill one core at {front_end:.0f} images/s, a link of 1 Gbit/s at {gigabit:.0f} images/s.",
    ]
    return "\n".join(lines) + "\n"


def run(bench: Path = BUILD / "bench.json", target: Path = PAGE) -> None:
    """Write the table into the page.

    Raises:
        CommandError: there are no figures, or the page has no place for them.
    """
    try:
        results = json.loads(bench.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise CommandError(f"there are no figures in {bench}: run make bench first") from error
    page = target.read_text(encoding="utf-8")
    if BEGIN not in page or END not in page:
        raise CommandError(f"{target} has lost the two comments that the table stands between: restore them")
    before, _, rest = page.partition(BEGIN)
    machine = results.get("machine", {})
    source = f"{machine.get('cpus')} cores ({machine.get('cpu')}) with {results.get('model', {}).get('name')}"
    text = before + BEGIN + "\n" + table(replica_of(results), source) + "\n" + END + rest.partition(END)[2]
    target.write_text(text, encoding="utf-8")
    print(f"written: {target.name}")
