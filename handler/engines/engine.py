"""The interface of an engine: a batch of tensors in, logits out."""

from pathlib import Path
from typing import Protocol

import torch
from torch import Tensor

from handler.engines.cpu import has_vnni
from handler.manifest import ONNX_PROGRAM, Manifest, PrecisionName, sha256_of

MAX_BATCH = 16  # images that an engine takes at once: a JSON request may bring more than TorchServe's batch


class EngineError(RuntimeError):
    """An engine that cannot be used; a RuntimeError, which TorchServe reports as a failure to load the model."""


class Engine(Protocol):
    """Runs the network."""

    name: str
    precision: PrecisionName
    device: torch.device  # where it wants its batches

    def run(self, batch: Tensor) -> Tensor:
        """Return float32 logits (N, classes) on the CPU for a normalised float32 batch (N, 3, height, width)."""
        ...


def program_path(manifest: Manifest, directory: Path, name: str) -> Path:
    """Return the path of a program whose bytes are the ones that were proved at build time.

    Raises:
        EngineError: the file is missing, or is not the one that the manifest names.
    """
    path = directory / name
    if not path.is_file():
        raise EngineError(f"{name} is not in the archive")
    if sha256_of(path) != manifest.programs.get(name):
        raise EngineError(f"{name} is refused: its SHA-256 is not the manifest's")
    return path


def require_vnni(manifest: Manifest) -> None:
    """Make sure that this CPU computes `program.onnx` as the one that packed it.

    Raises:
        EngineError: its sums would overflow.
    """
    if manifest.requires_vnni and not has_vnni():
        raise EngineError(f"{ONNX_PROGRAM} was quantised for CPUs with VNNI, and would be wrong on this one")
