"""Occlusion: how much the logit falls where a cell of the image is covered with the mean colour.

Zeiler and Fergus 2014, "Visualizing and Understanding Convolutional Networks", arXiv:1311.2901.
"""

import math
import time
from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from handler.engines.engine import MAX_BATCH, Engine
from handler.errors import (
    DEADLINE_EXCEEDED,
    NO_EXPLANATIONS,
    TOO_MANY_EXPLANATIONS,
    TOO_MUCH_WORK,
    RequestError,
)
from handler.explanations.method import Explanation, Turns, Wanted
from handler.manifest import InputSpec, Manifest
from handler.model import normalize
from handler.protocols.timeout import Deadline
from handler.scores import scores_of

# The gateway has the same sentence.
DETAIL = "the time for explanations is used up: wait for the seconds in Retry-After and send it again"
# Cells of a side for occlusion: the finest grid that fits into the time. 14 is a ViT's patches of 16 of 224 pixels.
GRIDS = (14, 10, 7, 5, 4, 3)


class Occlusion:
    """Occlusion: some dozens of runs of the network for each image.

    Args:
        engine: runs the program; it has run before, or its first run might not foretell how long others take.
        manifest: the model.
    """

    together = False

    def __init__(self, engine: Engine, manifest: Manifest) -> None:
        self._engine, self._manifest = engine, manifest

    def explain(self, wanted: Sequence[Wanted], turns: Turns) -> Iterator[Explanation]:
        """See `Method.explain`.

        Raises:
            RequestError: no-explanations, too-much-work, too-many-explanations or deadline-exceeded.
        """
        if not turns.seconds:
            raise RequestError(NO_EXPLANATIONS, "send the image to /predictions/<model name>")
        start, until = time.monotonic(), turns.take()
        if start >= turns.end:
            raise RequestError(TOO_MANY_EXPLANATIONS, DETAIL)
        logits = self._run(wanted[0].image[None])[0]
        seconds_per_run = time.monotonic() - start
        seconds = [len(wanted) * (side * side + 1) * seconds_per_run for side in GRIDS]
        side = _finest(start, until, seconds, wanted[0].deadline, turns)
        for index, each in enumerate(wanted):
            yield self._explain(each, self._run(each.image[None])[0] if index else logits, side, turns)

    def _explain(self, wanted: Wanted, logits: Tensor, side: int, turns: Turns) -> Explanation:
        scores = scores_of(logits[None], self._manifest.scores)[0]
        class_id = int(scores.argmax()) if wanted.class_id is None else wanted.class_id
        covered: list[Tensor] = []
        for part in batches(wanted.image, side, fill_of(self._manifest.input)):
            wanted.deadline.check()
            if turns.is_over:
                raise RequestError(TOO_MANY_EXPLANATIONS, DETAIL)
            covered.append(self._run(part)[:, class_id])
        grid = logits[class_id] - torch.cat(covered).reshape(side, side)
        return Explanation(class_id, float(scores[class_id]), "occlusion", grid)

    def _run(self, batch: Tensor) -> Tensor:
        return self._engine.run(normalize(batch, self._manifest.input))


def _finest(start: float, until: float, seconds: Sequence[float], deadline: Deadline, turns: Turns) -> int:
    """Return the cells of a side of the finest of `GRIDS` that fits; the coarsest may take time from later turns.

    Args:
        start: when the request's turn began.
        until: when it ends.
        seconds: what the request takes with each of them.
        deadline: when its client stops waiting.
        turns: of the batch.

    Raises:
        RequestError: none fits.
    """
    for side, needed in zip(GRIDS, seconds, strict=True):
        if start + needed <= min(until, deadline.at):
            return side
    least = seconds[-1]
    shown = math.ceil(10 * least) / 10
    if least > turns.seconds:
        raise RequestError(
            TOO_MUCH_WORK,
            f"the explanation takes {shown} s, and a request has {turns.seconds:g} s: send fewer images, or have the "
            "operator raise handler.explanation_seconds",
        )
    if start + least > deadline.at:
        raise RequestError(
            DEADLINE_EXCEEDED, f"the explanation takes {shown} s: wait longer for it (X-Request-Timeout)"
        )
    if start + least > turns.end:
        raise RequestError(TOO_MANY_EXPLANATIONS, DETAIL)
    return GRIDS[-1]


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
