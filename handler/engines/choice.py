"""Which engine serves: ONNX Runtime on a CPU, torch on a GPU and wherever ONNX Runtime cannot be used."""

import logging
from pathlib import Path

import torch

from handler.engines.engine import Engine, EngineError, program_path
from handler.engines.onnx_runtime import open_onnx
from handler.engines.pytorch import TorchEngine
from handler.manifest import TORCH_PROGRAM, Manifest
from handler.settings import Settings

logger = logging.getLogger(__name__)


def open_engine(
    manifest: Manifest, directory: Path, settings: Settings, threads: int, gpu_id: int | None = None
) -> Engine:
    """Open the engine for this model on this machine.

    Args:
        manifest: the model.
        directory: the unpacked archive.
        settings: the handler's; they may force an engine.
        threads: CPU threads of this worker.
        gpu_id: the GPU that TorchServe gave this worker, if any.

    Raises:
        EngineError: no engine can be used: every program's file is missing or is not the one the manifest names, or
            the engine that a setting forces cannot be used.
    """
    engine = _open(manifest, directory, settings, threads, device_of(gpu_id))
    # torch's threads are for the network alone: resizing an image takes a millisecond, and each thread that decodes
    # would bring as many of its own.
    torch.set_num_threads(threads if isinstance(engine, TorchEngine) and engine.device.type == "cpu" else 1)
    return engine


def device_of(gpu_id: int | None) -> torch.device:
    """Return the GPU that TorchServe gave this worker, or the CPU."""
    return torch.device("cuda", gpu_id) if gpu_id is not None and torch.cuda.is_available() else torch.device("cpu")


def _open(manifest: Manifest, directory: Path, settings: Settings, threads: int, device: torch.device) -> Engine:
    if settings.engine == "onnx":
        return open_onnx(manifest, directory, threads)
    if settings.engine == "auto" and device.type == "cpu":
        try:
            return open_onnx(manifest, directory, threads)
        except EngineError as error:
            logger.warning("engine onnx cannot be used, falling back to torch, which is slower: %s", error)
    return TorchEngine(program_path(manifest, directory, TORCH_PROGRAM), device)
