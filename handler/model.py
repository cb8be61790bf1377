"""The network on uint8 images: stack, normalise, run, scores."""

from collections.abc import Iterator, Sequence
from functools import cache

import torch
from torch import Tensor

from handler.drift.monitor import Monitor
from handler.engines.engine import MAX_BATCH, Engine
from handler.manifest import FEATURES, LOGITS, InputSpec, ScoresName
from handler.metrics import Metrics
from handler.scores import scores_of


class Model:
    """An engine with what stands before and after it.

    Args:
        engine: runs the network.
        spec: the model's input.
        metrics: where batches are counted and timed.
        scores: how logits become scores.
        monitor: compares the images with the archive's reference, where it has one.
    """

    def __init__(
        self, engine: Engine, spec: InputSpec, metrics: Metrics, scores: ScoresName, monitor: Monitor | None = None
    ) -> None:
        self.engine, self._spec, self._metrics, self._kind = engine, spec, metrics, scores
        self._monitor = monitor
        self._outputs = [FEATURES] if monitor and monitor.needs_features else []

    def warm_up(self) -> None:
        """Run once on a blank image: the first run allocates memory, and no client should wait for that."""
        blank = torch.zeros(1, 3, *self._spec.size, dtype=torch.uint8)
        self.engine.run(normalize(blank, self._spec))

    def scores(self, images: Sequence[Tensor]) -> Tensor:
        """Return the scores (images, classes) of at least one uint8 image (3, *spec.size)."""
        batches = list(self._scores(images))
        return batches[0] if len(batches) == 1 else torch.cat(batches)

    def _scores(self, images: Sequence[Tensor]) -> Iterator[Tensor]:
        for start in range(0, len(images), MAX_BATCH):
            part = images[start : start + MAX_BATCH]
            self._metrics.batch(len(part))
            with self._metrics.timed("inference"):
                batch = to_batch(part, self._spec)
                found = self.engine.run_with(batch, self._outputs)
            scores = scores_of(found[LOGITS], self._kind)
            if self._monitor:
                self._monitor.observe(batch, scores, found.get(FEATURES))
            yield scores


def to_batch(images: Sequence[Tensor], spec: InputSpec) -> Tensor:
    """Return at least one uint8 image (3, height, width) as a normalised float32 batch."""
    # Into float32 at once, so that no batch of bytes is written and read before.
    floats = torch.empty(len(images), *images[0].shape, device=images[0].device)
    return normalize(torch.stack(tuple(images), out=floats), spec)


def normalize(batch: Tensor, spec: InputSpec) -> Tensor:
    """Scale uint8 (N, 3, height, width) to the float32 that the network was trained on: (x * rescale - mean) / std."""
    factor, offset = _factor_and_offset(spec.rescale, spec.mean, spec.std, batch.device)
    return batch.to(torch.float32).mul_(factor).sub_(offset)


@cache
def _factor_and_offset(
    rescale: float, mean: tuple[float, ...], std: tuple[float, ...], device: torch.device
) -> tuple[Tensor, Tensor]:
    scale = torch.tensor(std, device=device).view(3, 1, 1)
    return rescale / scale, torch.tensor(mean, device=device).view(3, 1, 1) / scale
