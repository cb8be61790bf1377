"""Which engines may serve an archive on this machine, in which precisions."""

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import torch

from handler.engines.cpu import has_bfloat16
from handler.engines.engine import Engine, program_path
from handler.engines.onnx_runtime import open_onnx
from handler.engines.openvino import open_openvino
from handler.engines.pytorch import TorchEngine
from handler.manifest import TORCH_PROGRAM, Manifest, PrecisionName
from handler.settings import Settings

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Candidate:
    """An engine that computes in a precision."""

    engine: Literal["onnx", "openvino", "torch"]
    precision: PrecisionName

    def __str__(self) -> str:
        return f"{self.engine} in {self.precision}"

    def open(self, manifest: Manifest, directory: Path, threads: int) -> Engine:
        """Open it on the CPU.

        Args:
            manifest: the model.
            directory: the unpacked archive.
            threads: CPU threads.

        Raises:
            EngineError: it cannot be used on this machine.
        """
        if self.engine == "onnx":
            return open_onnx(manifest, directory, threads)
        if self.engine == "openvino":
            return open_openvino(manifest, directory, threads, self.precision)
        dtype = torch.bfloat16 if self.precision == "bfloat16" else torch.float32
        return TorchEngine(program_path(manifest, directory, TORCH_PROGRAM), torch.device("cpu"), dtype)


def candidates(manifest: Manifest, settings: Settings) -> list[Candidate]:
    """Return what the settings and the manifest allow on a CPU, torch last.

    Empty where the archive has no program in the precision that a setting forces.
    """
    packed = manifest.precision
    auto = settings.engine == "auto"
    found = [Candidate("onnx", packed), Candidate("openvino", packed), Candidate("torch", "float32")]
    if packed == "float32":
        found[2:2] = [Candidate("openvino", "bfloat16")]
        if has_bfloat16():  # else torch emulates it, at a hundredth of the rate
            found.append(Candidate("torch", "bfloat16"))
    elif auto and not manifest.accepts("int8", "openvino"):
        found.remove(Candidate("openvino", "int8"))  # each engine rounds in its own way
    allowed = {"float32", packed} if settings.precision == "auto" else {settings.precision}
    if settings.precision == "auto" and settings.engine != "onnx":
        allowed |= _bfloat16(manifest)
    return [
        candidate
        for candidate in found
        if candidate.precision in allowed and (auto or candidate.engine == settings.engine)
    ]


def _bfloat16(manifest: Manifest) -> set[PrecisionName]:
    """Return bfloat16 where a worker may choose it: the CPU has instructions for it, and little changes."""
    if not has_bfloat16() or manifest.precision != "float32":
        return set()
    if manifest.accepts("bfloat16", "emulated"):
        return {"bfloat16"}
    measured = any(found.precision == "bfloat16" for found in manifest.agreement)
    reason = "it changes too many predictions" if measured else "the archive does not say what it changes"
    logger.warning("bfloat16, which this CPU computes faster, is not used: %s", reason)
    return set()
