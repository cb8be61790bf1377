"""The network on uint8 images: stack, normalise, run, scores."""

from collections.abc import Iterator, Sequence

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
        return torch.cat(list(self._scores(images)))

    def _scores(self, images: Sequence[Tensor]) -> Iterator[Tensor]:
        for start in range(0, len(images), MAX_BATCH):
            batch = torch.stack(list(images[start : start + MAX_BATCH]))
            self._metrics.batch(len(batch))
            with self._metrics.timed("inference"):
                found = self.engine.run_with(normalize(batch, self._spec), self._outputs)
            scores = scores_of(found[LOGITS], self._kind)
            if self._monitor:
                self._monitor.observe(batch, scores, found.get(FEATURES))
            yield scores


def normalize(batch: Tensor, spec: InputSpec) -> Tensor:
    """Scale uint8 (N, 3, height, width) to the float32 that the network was trained on: (x * rescale - mean) / std."""
    mean = torch.tensor(spec.mean, device=batch.device).view(3, 1, 1)
    std = torch.tensor(spec.std, device=batch.device).view(3, 1, 1)
    return batch.to(torch.float32).mul_(spec.rescale / std).sub_(mean / std)
