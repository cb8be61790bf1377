"""A source model: where it comes from, and the loaded network."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from handler.manifest import InputSpec, ScoresName

if TYPE_CHECKING:  # torch takes seconds to import, and an up-to-date archive does not need it
    from torch import nn


@dataclass(frozen=True)
class Origin:
    """Where a model comes from, without loading it.

    Args:
        name: the served name.
        source: a Hub id with its revision, a directory, or the fallback model's packages.
        licence: as the source states it, or "unknown".
        fallback: whether this is the fallback model, served because the Hub cannot be reached.
        weights: the weights file, or its shards.
        directory: the Hugging Face directory to load, None for the fallback model.
    """

    name: str
    source: str
    licence: str
    fallback: bool
    weights: tuple[Path, ...]
    directory: Path | None


@dataclass(frozen=True)
class SourceModel:
    """A loaded model.

    Args:
        network: float32, in eval mode; normalised images (N, 3, height, width) in, logits (N, classes) out.
        labels: class names in index order.
        input: how an image becomes its input.
        scores: how logits become scores.
    """

    network: nn.Module
    labels: tuple[str, ...]
    input: InputSpec
    scores: ScoresName = "softmax"
