"""The network alone, in this process: every engine that may serve here, at several batch sizes."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from handler.engines.candidates import candidates
from handler.manifest import Manifest
from handler.settings import Settings
from scripts.build.sources.source import SourceModel

Run = Callable[[Tensor], object]
EAGER = "torch eager"


def open_all(model: SourceModel, manifest: Manifest, directory: Path, threads: int) -> dict[str, Run]:
    """Return each engine's name and how to run a batch on it.

    Args:
        model: the source model, for torch eager.
        manifest: the packed one.
        directory: the unpacked archive, for its programs.
        threads: CPU threads.
    """
    torch.set_num_threads(threads)

    def eager(batch: Tensor) -> object:
        with torch.inference_mode():
            return model.network(batch)

    engines: dict[str, Run] = {EAGER: eager}
    for candidate in candidates(manifest, Settings()):
        engines[str(candidate)] = candidate.open(manifest, directory, threads).run
    return engines


def take_turn(engine: str, run: Run, batch: Tensor, seconds: float) -> dict[str, Any]:
    """Run one batch repeatedly, at least twice, after one run as warm-up.

    Returns:
        A sample: kind, engine, batch, images_per_second, ms_per_batch (median) and cpu_ms_per_image.
    """
    run(batch)
    times: list[float] = []
    cpu, start = time.process_time(), time.perf_counter()
    while len(times) < 2 or sum(times) < seconds:
        before = time.perf_counter()
        run(batch)
        times.append(time.perf_counter() - before)
    images = len(times) * len(batch)
    return {
        "kind": "engine",
        "engine": engine,
        "batch": len(batch),
        "images_per_second": images / (time.perf_counter() - start),
        "ms_per_batch": 1000 * sorted(times)[len(times) // 2],
        "cpu_ms_per_image": 1000 * (time.process_time() - cpu) / images,
    }
