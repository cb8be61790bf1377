"""The network alone, in this process: every engine that is installed, at several batch sizes."""

import importlib.util
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from handler.engines.onnx_runtime import OnnxEngine
from handler.engines.pytorch import TorchEngine
from handler.manifest import ONNX_PROGRAM, TORCH_PROGRAM
from scripts.build.sources.source import SourceModel

Run = Callable[[Tensor], object]
EAGER = "torch eager"


def open_all(model: SourceModel, directory: Path, threads: int) -> dict[str, Run]:
    """Return each engine's name and how to run a batch on it.

    Args:
        model: the source model, for torch eager.
        directory: the unpacked archive, for its programs.
        threads: CPU threads.
    """
    torch.set_num_threads(threads)

    def eager(batch: Tensor) -> object:
        with torch.inference_mode():
            return model.network(batch)

    engines: dict[str, Run] = {
        EAGER: eager,
        TORCH_PROGRAM: TorchEngine(directory / TORCH_PROGRAM, torch.device("cpu")).run,
        ONNX_PROGRAM: OnnxEngine(directory / ONNX_PROGRAM, threads).run,
    }
    if importlib.util.find_spec("openvino"):
        engines["openvino"] = _openvino(directory / ONNX_PROGRAM, threads)
    return engines


def _openvino(program: Path, threads: int) -> Run:
    import openvino  # noqa: PLC0415 - optional

    compiled = openvino.Core().compile_model(program, "CPU", {"INFERENCE_NUM_THREADS": threads})
    return lambda batch: compiled(batch.numpy())


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
