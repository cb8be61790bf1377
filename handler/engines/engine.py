"""The interface of an engine: a batch of tensors in, logits out."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol, TypeVar

import torch
from torch import Tensor

from handler.engines.cpu import has_vnni
from handler.manifest import ONNX_PROGRAM, Manifest, PrecisionName, sha256_of

Opened = TypeVar("Opened")

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

    def run_with(self, batch: Tensor, outputs: Sequence[str]) -> dict[str, Tensor]:
        """Return, by name, the logits and further outputs that the manifest names, all float32 on the CPU."""
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


def open_onnx_program(package: str, manifest: Manifest, directory: Path, construct: Callable[[Path], Opened]) -> Opened:
    """Open `program.onnx` in an engine.

    Args:
        package: the engine's name in errors.
        manifest: the model.
        directory: the unpacked archive.
        construct: makes the engine from the file.

    Raises:
        EngineError: it cannot be used on this machine.
    """
    program = program_path(manifest, directory, ONNX_PROGRAM)
    if manifest.requires_vnni and not has_vnni():
        raise EngineError(f"{ONNX_PROGRAM} was quantised for CPUs with VNNI, and would be wrong on this one")
    try:
        return construct(program)
    except EngineError:
        raise
    except ImportError as error:
        raise EngineError(f"{package} is not installed: {error}") from error
    except Exception as error:
        raise EngineError(f"{package} cannot load {program.name}: {error}") from error
