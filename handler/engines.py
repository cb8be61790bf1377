"""What runs the network: a batch of tensors in, logits out.

Two engines run the same network from the same archive: ONNX Runtime on a CPU, where it is the fastest that was
measured, and torch on a GPU and wherever ONNX Runtime cannot be had.
"""

import logging
import platform
from pathlib import Path
from typing import Protocol

import torch
from torch import Tensor

from handler.manifest import ONNX_PROGRAM, TORCH_PROGRAM, Manifest, sha256_of
from handler.settings import Settings

logger = logging.getLogger(__name__)


class EngineError(RuntimeError):
    """An engine that cannot be used; a RuntimeError, which TorchServe reports as a failure to load the model."""


class Engine(Protocol):
    """Runs the network."""

    name: str

    def run(self, batch: Tensor) -> Tensor:
        """Return float32 logits (N, classes) on the CPU for a normalised float32 batch (N, 3, height, width)."""
        ...


class OnnxEngine:
    """`program.onnx` in ONNX Runtime on the CPU, in float32 or, where it was packed so, in 8 bits."""

    name = "onnx"

    def __init__(self, program: Path, threads: int) -> None:
        import onnxruntime  # noqa: PLC0415 - a worker without it falls back to torch

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        self._session = onnxruntime.InferenceSession(program, options, providers=["CPUExecutionProvider"])
        self._input = self._session.get_inputs()[0].name

    def run(self, batch: Tensor) -> Tensor:
        """See `Engine.run`."""
        (logits,) = self._session.run(None, {self._input: batch.contiguous().numpy()})
        return torch.from_numpy(logits)


class TorchEngine:
    """`program.pt2` in torch: float32 on the CPU, bfloat16 on a GPU, in channels-last order on either.

    No GPU has run it yet: tests/unit/handler/test_engines.py holds what must pass where there is one.
    """

    name = "torch"

    def __init__(self, program: Path, device: torch.device, dtype: torch.dtype | None = None) -> None:
        self._device = device
        self._dtype = dtype or (torch.bfloat16 if device.type == "cuda" else torch.float32)
        module = torch.export.load(program).module()
        self._module = module.to(device=device, dtype=self._dtype, memory_format=torch.channels_last)  # type: ignore[call-overload]

    def run(self, batch: Tensor) -> Tensor:
        """See `Engine.run`."""
        with torch.inference_mode():
            batch = batch.to(self._device, self._dtype, memory_format=torch.channels_last)
            logits: Tensor = self._module(batch)
        return logits.to("cpu", torch.float32)


def device_of(gpu_id: int | None) -> torch.device:
    """Return the GPU that TorchServe gave this worker, or the CPU."""
    return torch.device("cuda", gpu_id) if gpu_id is not None and torch.cuda.is_available() else torch.device("cpu")


def has_vnni() -> bool:
    """Whether 8-bit products are added up in 32 bits, as Arm and every x86 CPU with VNNI (from 2019 on) does."""
    if platform.machine() != "x86_64":
        return True
    return "vnni" in Path("/proc/cpuinfo").read_text(encoding="utf-8")


def open_engine(manifest: Manifest, directory: Path, settings: Settings, threads: int, device: torch.device) -> Engine:
    """Open the engine for this model on this device.

    Raises:
        EngineError: no engine can be used: every program's file is missing or is not the one the manifest names, or
            the engine that a setting forces cannot be had.
    """
    if settings.engine == "torch" or (settings.engine == "auto" and device.type == "cuda"):
        return TorchEngine(_program(manifest, directory, TORCH_PROGRAM), device)
    try:
        return _open_onnx(manifest, directory, threads)
    except EngineError as error:
        if settings.engine == "onnx":
            raise
        logger.warning("engine onnx cannot be used, falling back to torch, which is slower: %s", error)
        return TorchEngine(_program(manifest, directory, TORCH_PROGRAM), device)


def _open_onnx(manifest: Manifest, directory: Path, threads: int) -> OnnxEngine:
    program = _program(manifest, directory, ONNX_PROGRAM)
    if manifest.quantisation and manifest.quantisation.vnni and not has_vnni():
        raise EngineError(f"{program.name} was quantised for CPUs with VNNI, and would answer wrongly on this one")
    try:
        return OnnxEngine(program, threads)
    except ImportError as error:
        raise EngineError(f"ONNX Runtime is not installed: {error}") from error
    except Exception as error:
        raise EngineError(f"ONNX Runtime cannot load {program.name}: {error}") from error


def _program(manifest: Manifest, directory: Path, name: str) -> Path:
    """Return a program's path once its bytes are known to be the ones that were proved at build time."""
    path = directory / name
    if not path.is_file():
        raise EngineError(f"{name} is not in the archive")
    if sha256_of(path) != manifest.programs.get(name):
        raise EngineError(f"{name} is refused: its SHA-256 is not the manifest's")
    return path
