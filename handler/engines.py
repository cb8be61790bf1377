"""What runs the network: a batch of tensors in, logits out.

Two engines run the same network from the same archive: ONNX Runtime on a CPU, where it is the fastest that was
measured, and torch on a GPU and wherever ONNX Runtime cannot be had.
"""

import logging
import os
import platform
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

import torch
from torch import Tensor

from handler.manifest import ONNX_PROGRAM, TORCH_PROGRAM, Manifest, sha256_of
from handler.settings import Settings

logger = logging.getLogger(__name__)

SIZES = (1, 2, 4, 8, 16)  # on a GPU a batch is filled up to one of these, so that only they are compiled and recorded
LARGEST_BATCH = SIZES[-1]  # images that an engine takes at once: a JSON request may bring more than TorchServe's batch


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
        options.enable_mem_pattern = False  # a plan for each size of batch: no faster, and 50 MB more
        # A thread spins between two layers, which saves a lone photo 2 % of its time, and no longer (it would for some
        # milliseconds): the front end and the decoding need the CPU.
        options.add_session_config_entry("session.intra_op.spin_duration_us", "50")
        if affinities := _affinities(threads):
            options.add_session_config_entry("session.intra_op_thread_affinities", affinities)
        self._session = onnxruntime.InferenceSession(program, options, providers=["CPUExecutionProvider"])
        self._input = self._session.get_inputs()[0].name

    def run(self, batch: Tensor) -> Tensor:
        """See `Engine.run`."""
        (logits,) = self._session.run(None, {self._input: batch.contiguous().numpy()})
        return torch.from_numpy(logits)


def _affinities(threads: int) -> str:
    """Return a CPU for each thread but the caller's, counted from 1; empty unless the threads are as many as the CPUs.

    ONNX Runtime does the same where it chooses the threads itself. When the front end wakes up, the kernel would else
    put two threads on one CPU for some milliseconds: 0.5 % of the images of 16 clients, and of a lone one's time.
    """
    cpus = sorted(os.sched_getaffinity(0))
    return ";".join(str(cpu + 1) for cpu in cpus[1:]) if threads == len(cpus) else ""


class TorchEngine:
    """`program.pt2` in torch: float32 on the CPU; on a GPU bfloat16, compiled; in channels-last order on either.

    Compiling (torch.compile, which records CUDA graphs) takes its time at the start, and a C compiler; without one the
    network runs as it is. No GPU has run it yet: tests/unit/handler/test_engines.py holds what must pass where there is
    one.

    Args:
        program: the file.
        device: where to run it.
        dtype: of its numbers; what suits the device where none is given.
        compiled: whether to compile it; where it is not said, on a GPU.
    """

    name = "torch"

    def __init__(
        self, program: Path, device: torch.device, dtype: torch.dtype | None = None, compiled: bool | None = None
    ) -> None:
        self._device = device
        self._dtype = dtype or (torch.bfloat16 if device.type == "cuda" else torch.float32)
        exported = torch.export.load(program)
        module = exported.module()
        self._module: Callable[[Tensor], Tensor] = module.to(  # type: ignore[call-overload]
            device=device, dtype=self._dtype, memory_format=torch.channels_last
        )
        self._sizes: tuple[int, ...] = ()
        if device.type == "cuda" if compiled is None else compiled:
            (example,), _ = exported.example_inputs or ((torch.empty(0),), {})
            self._compile(example[:1])

    def _compile(self, example: Tensor) -> None:
        """Compile, and run every size of a batch, so that no client waits for that."""
        plain, sizes = self._module, self._sizes
        try:
            self._module, self._sizes = torch.compile(plain, mode="reduce-overhead", dynamic=True), SIZES
            for size in SIZES:
                for _ in range(3):  # a CUDA graph is recorded in the second run and replayed in the third
                    self.run(example.expand(size, -1, -1, -1))
        except Exception as error:  # noqa: BLE001 - a compiler has many; the network runs without it
            logger.warning("the network runs uncompiled, which is slower: %s", str(error).strip().partition("\n")[0])
            self._module, self._sizes = plain, sizes

    def run(self, batch: Tensor) -> Tensor:
        """See `Engine.run`."""
        images = len(batch)
        if filled := next((size for size in self._sizes if size >= images), 0):
            batch = torch.cat([batch, batch.new_zeros(filled - images, *batch.shape[1:])])
        with torch.inference_mode():
            batch = batch.to(self._device, self._dtype, memory_format=torch.channels_last)
            logits = self._module(batch)
        return logits[:images].to("cpu", torch.float32)


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
