"""How much each place of an image speaks for a class, in the units of its logit.

Class activation map (Zhou et al. 2016, "Learning Deep Features for Discriminative Localization", arXiv:1512.04150): the
logit is a sum over the places of the last feature map, so that the share of each is exact.

Occlusion (Zeiler and Fergus 2014, "Visualizing and Understanding Convolutional Networks", arXiv:1311.2901), for every
other network: how much the logit falls where a cell of the image is covered with the mean colour.
"""

import math
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

import numpy as np
import torch
from torch import Tensor

from handler.engines.engine import MAX_BATCH, Engine, program_path
from handler.errors import DEADLINE_EXCEEDED, NO_EXPLANATIONS, TOO_MUCH_WORK, RequestError
from handler.manifest import CLASSIFIER, FEATURE_MAP, LOGITS, InputSpec, Manifest
from handler.model import normalize
from handler.protocols.timeout import Deadline
from handler.scores import scores_of

MethodName = Literal["class-activation-map", "occlusion"]

# Cells of a side for occlusion: the finest grid that fits into the time. 14 is a ViT's patches of 16 of 224 pixels.
GRIDS = (14, 10, 7, 5, 4, 3)


@dataclass(frozen=True)
class Wanted:
    """What to explain.

    Args:
        image: uint8 (3, *spec.size).
        class_id: for which class; None for the top-1.
        deadline: when the client stops waiting.
    """

    image: Tensor
    class_id: int | None
    deadline: Deadline


@dataclass(frozen=True)
class Explanation:
    """Which part of an image spoke for a class.

    Args:
        class_id: the class.
        score: of the class, 0 to 1.
        method: how it was found.
        grid: (rows, columns), by equal cells of the network's input from the top left: above zero where a cell speaks
            for the class, below where it speaks against it, in the units of the logit.
    """

    class_id: int
    score: float
    method: MethodName
    grid: Tensor


class Method(Protocol):
    """Explains images."""

    together: bool  # whether the images of several requests are explained at once

    def explain(self, wanted: Sequence[Wanted]) -> Iterator[Explanation]:
        """Explain each image; those of one request share its limits."""
        ...


class ActivationMap:
    """The class activation map: one run of the network, as for a prediction.

    Args:
        engine: runs a program with a feature map.
        manifest: the model.
        directory: the unpacked archive.

    Raises:
        EngineError: the archive's weights are missing or not the manifest's.
    """

    together = True

    def __init__(self, engine: Engine, manifest: Manifest, directory: Path) -> None:
        self._engine, self._manifest = engine, manifest
        # Mapped, so that only the rows of the classes that are asked for take memory.
        self._weights = np.load(program_path(manifest, directory, CLASSIFIER), mmap_mode="r")

    def explain(self, wanted: Sequence[Wanted]) -> Iterator[Explanation]:
        """See `Method.explain`."""
        for start in range(0, len(wanted), MAX_BATCH):
            part = wanted[start : start + MAX_BATCH]
            batch = torch.stack([each.image for each in part])
            outputs = self._engine.run_with(normalize(batch, self._manifest.input), (FEATURE_MAP,))
            scores = scores_of(outputs[LOGITS], self._manifest.scores)
            for each, row, feature_map in zip(part, scores, outputs[FEATURE_MAP], strict=True):
                class_id = int(row.argmax()) if each.class_id is None else each.class_id
                yield Explanation(
                    class_id, float(row[class_id]), "class-activation-map", self._map(class_id, feature_map)
                )

    def _map(self, class_id: int, feature_map: Tensor) -> Tensor:
        """Return each place's share of a logit: they add up to it, less the classifier's bias."""
        weights = torch.from_numpy(np.array(self._weights[class_id]))
        return torch.einsum("c,chw->hw", weights, feature_map) / feature_map[0].numel()


class Occlusion:
    """Occlusion: some dozens of runs of the network for each image.

    Args:
        engine: runs the program.
        manifest: the model.
        max_seconds: most seconds for the images of one request; 0 for no explanations.
    """

    together = False

    def __init__(self, engine: Engine, manifest: Manifest, max_seconds: float) -> None:
        self._engine, self._manifest, self._max_seconds = engine, manifest, max_seconds

    def explain(self, wanted: Sequence[Wanted]) -> Iterator[Explanation]:
        """See `Method.explain`.

        Raises:
            RequestError: no-explanations, too-much-work or deadline-exceeded.
        """
        if not self._max_seconds:
            raise RequestError(NO_EXPLANATIONS, "send the image to /predictions/<model name>")
        end = time.monotonic() + self._max_seconds
        for index, each in enumerate(wanted):
            yield self._explain(each, (end - time.monotonic()) / (len(wanted) - index))

    def _explain(self, wanted: Wanted, seconds: float) -> Explanation:
        self._run(wanted.image[None])  # the first run of a shape may compile, and would be mistaken for the rate
        start = time.monotonic()
        logits = self._run(wanted.image[None])[0]
        seconds_per_run = time.monotonic() - start
        scores = scores_of(logits[None], self._manifest.scores)[0]
        class_id = int(scores.argmax()) if wanted.class_id is None else wanted.class_id
        side = self._side(seconds_per_run, seconds, wanted.deadline)
        covered: list[Tensor] = []
        for part in batches(wanted.image, side, fill_of(self._manifest.input)):
            wanted.deadline.check()
            covered.append(self._run(part)[:, class_id])
        grid = logits[class_id] - torch.cat(covered).reshape(side, side)
        return Explanation(class_id, float(scores[class_id]), "occlusion", grid)

    def _run(self, batch: Tensor) -> Tensor:
        return self._engine.run(normalize(batch, self._manifest.input))

    def _side(self, seconds_per_run: float, seconds: float, deadline: Deadline) -> int:
        """Return the cells of a side that fit into the time."""
        until = min(seconds, deadline.at - time.monotonic())
        for side in GRIDS:
            if side * side * seconds_per_run <= until:
                return side
        needed = math.ceil(10 * GRIDS[-1] ** 2 * seconds_per_run) / 10
        if until < seconds:
            raise RequestError(
                DEADLINE_EXCEEDED, f"an explanation takes {needed} s an image: wait longer for it (X-Request-Timeout)"
            )
        raise RequestError(
            TOO_MUCH_WORK,
            f"an explanation takes {needed} s an image, and a request has {self._max_seconds:g} s: send fewer images, "
            "or have the operator raise handler.explanation_seconds",
        )


def fill_of(spec: InputSpec) -> Tensor:
    """Return the colour that covers: the mean that is subtracted, so that the network sees zeros; uint8 (3, 1, 1)."""
    return (torch.tensor(spec.mean) / spec.rescale).round().clamp(0, 255).to(torch.uint8).view(3, 1, 1)


def edges(length: int, cells: int) -> list[int]:
    """Return where each of the cells of a side begins, in pixels, and where the last one ends."""
    return [round(length * index / cells) for index in range(cells + 1)]


def batches(image: Tensor, side: int, fill: Tensor) -> Iterator[Tensor]:
    """Return copies of an image (3, height, width) with a cell of side x side covered in each, in batches."""
    rows, columns = (edges(length, side) for length in image.shape[1:])
    cells = [(row, column) for row in range(side) for column in range(side)]
    for start in range(0, len(cells), MAX_BATCH):
        part = cells[start : start + MAX_BATCH]
        copies = image.repeat(len(part), 1, 1, 1)
        for copy, (row, column) in zip(copies, part, strict=True):
            copy[:, rows[row] : rows[row + 1], columns[column] : columns[column + 1]] = fill.to(image.device)
        yield copies


def method_of(engine: Engine, manifest: Manifest, directory: Path, max_seconds: float) -> Method:
    """Return the method for a model: the exact one where its network has a feature map.

    Raises:
        EngineError: the archive is damaged.
    """
    if FEATURE_MAP in manifest.outputs:
        return ActivationMap(engine, manifest, directory)
    return Occlusion(engine, manifest, max_seconds)
