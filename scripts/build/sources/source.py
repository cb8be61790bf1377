"""A model as it comes from its source, before it is packed."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from handler.manifest import InputSpec

if TYPE_CHECKING:  # torch takes seconds to import, and a build with nothing to do never needs it
    from torch import nn


@dataclass(frozen=True)
class Origin:
    """Where a model comes from; known before anything heavy is loaded.

    Args:
        name: the served name.
        source: hub id with revision, a directory, or the stand-in's packages.
        licence: as the source states it, or "unknown".
        stand_in: whether it is served only because the real model could not be had.
        weights: the files that hold the weights; several where they are sharded.
        directory: the Hugging Face directory to load, None for the stand-in.
    """

    name: str
    source: str
    licence: str
    stand_in: bool
    weights: tuple[Path, ...]
    directory: Path | None


@dataclass(frozen=True)
class SourceModel:
    """A loaded model.

    Args:
        network: float32, in eval mode; normalised images (N, 3, height, width) in, logits (N, classes) out.
        labels: class names in index order.
        input: how a photo becomes its input.
    """

    network: nn.Module
    labels: tuple[str, ...]
    input: InputSpec
