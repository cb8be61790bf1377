"""Measures the network alone, its stages, and the service over HTTP beside TorchServe's stock handler, in one run.

Prints a table with the goals, and writes build/bench.json and build/bench.png.
"""

import json
import os
import platform
import shutil
import tempfile
import zipfile
from dataclasses import dataclass
from pathlib import Path

import torch

from handler.manifest import FILE_NAME, Manifest
from handler.settings import cpus
from scripts.bench import engines, jpegs, report, service, stock
from scripts.bench.plan import Plan
from scripts.bench.rounds import Sample, Subject, one_round, turns_in_a_round
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
    large = [jpegs.enlarged(work.real[0], size, work.folder) for size in plan.megapixels]
    archives = {manifest.name: packed.name, stock.NAME: f"{stock.NAME}.mar"}
    samples: list[Sample] = []
    with TorchServe(archives, store, work.ports, work.folder / "serve") as server:
        ours, baseline = (service.Served(server, name) for name in archives)
        runs = engines.open_all(model, unpacked, cpus())
        subject = Subject(manifest, runs, ours, baseline, work.real, large)
        service.warm_up(ours, work.real, plan.warm_up)
        measure_load(baseline.url, work.real, seconds=plan.seconds, clients=max(plan.clients))
        with progress("bench", plan.rounds * turns_in_a_round(subject, plan)) as advance:
            for index in range(plan.rounds):
                for sample in one_round(subject, plan, samples, index):
                    samples.append(sample)
                    advance(len(samples), report.line(sample))
        memory = {one.name: service.memory(one) for one in (ours, baseline)}
    return {
        "machine": {"cpus": cpus(), "cpu": _cpu_name(), "torch_vectors": torch.backends.cpu.get_cpu_capability()},
        "model": {"name": manifest.name, "version": manifest.version, "built_with": manifest.built_with},
        "plan": vars(plan),
        "samples": samples,
        "memory": memory,
    }


def _cpu_name() -> str:
    """Return what the kernel calls the CPU."""
    lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


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
