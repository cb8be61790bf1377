"""Measures the network alone, its stages, and the service over HTTP beside others, in one run.

Prints a table with the goals, and writes build/bench.json and build/bench.png.
"""

import json
import os
import shutil
import tempfile
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import get_args

from handler.cpus import cpus
from handler.engines import cpu
from handler.manifest import FILE_NAME, Manifest, PrecisionName
from scripts.bench import engines, goals, jpegs, report, service, stock
from scripts.bench.peers.server import ENVIRONMENT, all_running
from scripts.bench.plan import Plan
from scripts.bench.rounds import Sample, Subject, one_round, turns_in_a_round
from scripts.bench.variant import model_config, variant
from scripts.build import archive
from scripts.build.sources import choice
from scripts.build.sources.source import SourceModel
from scripts.common.paths import BUILD
from scripts.common.progress import progress
from scripts.common.signals import stopping_on_signals
from scripts.load.measurement import measure_load
from scripts.server.ports import Ports
from scripts.server.torchserve import TorchServe


@dataclass(frozen=True)
class Work:
    """Where to measure, and which images to send.

    Args:
        folder: an empty folder to work in.
        ports: for the server.
        real: images as they are.
    """

    folder: Path
    ports: Ports
    real: list[Path]


def measure(packed: Path, model: SourceModel, work: Work, plan: Plan) -> Sample:
    """Measure everything but the cold start.

    Args:
        packed: the archive.
        model: the source model that it was built from.
        work: where to measure, and what to send.
        plan: how much.

    Returns:
        What `report.summary` reads: machine, model, plan, samples, memory.
    """
    unpacked, store, staging = (work.folder / name for name in ("unpacked", "store", "staging"))
    for path in (store, staging):
        path.mkdir()
    with zipfile.ZipFile(packed) as file:
        file.extractall(unpacked)
    manifest = Manifest.from_json((unpacked / FILE_NAME).read_text(encoding="utf-8"))
    shutil.copy(packed, store)
    stock.pack(model, store, staging)
    memory = {manifest.name: _memory_alone(manifest.name, store, packed.name, work, plan)}
    large = [jpegs.enlarged(work.real[0], size, work.folder) for size in plan.megapixels]
    float32 = goals.FLOAT32.format(name=manifest.name)
    variant(packed, float32, model_config({"precision": "float32"}), store)
    archives = {manifest.name: packed.name, float32: f"{float32}.mar", stock.NAME: f"{stock.NAME}.mar"}
    samples: list[Sample] = []
    with (
        TorchServe(archives, store, work.ports, work.folder / "serve") as server,
        all_running(unpacked, work.folder) as peers,
    ):
        ours, in_float32, baseline = (service.Served(server, name) for name in archives)
        runs = engines.open_all(model, manifest, unpacked, cpus())
        subject = Subject(manifest, runs, ours, in_float32, baseline, peers, work.real, large)
        service.warm_up(ours, work.real, plan.warm_up)
        others: list[service.Server] = [in_float32, baseline, *peers]
        for other in others:
            measure_load(other.url, work.real, seconds=plan.seconds, clients=max(plan.clients))
        with progress("bench", plan.rounds * turns_in_a_round(subject, plan)) as advance:
            for index in range(plan.rounds):
                for sample in one_round(subject, plan, samples, index):
                    samples.append(sample)
                    advance(len(samples), report.line(sample))
        memory |= {other.name: service.memory(other) for other in others if other is not in_float32}
        serving = ours.serving()
    return {
        "machine": _machine(),
        "serving": serving,
        "peers": [peer.name for peer in peers],
        "model": {"name": manifest.name, "version": manifest.version, "built_with": manifest.built_with},
        "plan": vars(plan),
        "samples": samples,
        "memory": memory,
    }


def _memory_alone(name: str, store: Path, archive_name: str, work: Work, plan: Plan) -> Sample:
    """Return the memory of a server of its own after a load: that of the benchmark has three models."""
    with TorchServe({name: archive_name}, store, work.ports, work.folder / "alone") as server:
        served = service.Served(server, name)
        measure_load(served.url, work.real, seconds=plan.warm_up, clients=max(plan.clients))
        return service.memory(served)


def _machine() -> Sample:
    """Return how many CPUs, which, and their best instructions for each precision."""
    sets = {precision: cpu.instruction_set(precision) for precision in get_args(PrecisionName)}
    return {"cpus": cpus(), "cpu": cpu.cpu_name(), "instruction_sets": sets, "amx": "amx_bf16" in cpu.features()}


def run(model: str, name: str, images: str, port: int, plan: Plan) -> None:
    """Measure everything, write build/bench.json and build/bench.png, and print the table.

    Args:
        model: the model directory, "" for the Hub's.
        name: the served name, "" for the source's own.
        images: a folder of JPEGs, "" for the example image.
        port: for the server.
        plan: how much to measure.
    """
    ports = Ports(port)
    ports.require_free()  # before a build of half a minute
    ENVIRONMENT.ensure()  # so is a network that fails
    packed = archive.ensure(model, name)
    BUILD.mkdir(exist_ok=True)
    with stopping_on_signals(), tempfile.TemporaryDirectory(prefix="bench-", dir=BUILD) as folder:
        starts = [service.cold_start(model, name, ports) for _ in range(plan.starts)]
        real = jpegs.real(images, Path(folder))
        source = choice.load(choice.choose(model, name))
        measured = measure(packed, source, Work(Path(folder), ports, real), plan)
    results = report.summary(measured | {"cold_start_s": starts})
    (BUILD / "bench.json").write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    report.plot(results, BUILD / "bench.png")
    print(report.table(results))
    print(f"\nwritten: {os.path.relpath(BUILD / 'bench.json')}, {os.path.relpath(BUILD / 'bench.png')}")
