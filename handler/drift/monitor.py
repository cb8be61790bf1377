"""A worker's window: what the model said of the last images, and how far that is from the reference."""

import logging
from pathlib import Path

import numpy as np
from torch import Tensor

from handler.drift.reference import Images, Reference, Statistic
from handler.engines.engine import program_path
from handler.manifest import REFERENCE, Manifest
from handler.metrics import Metrics

logger = logging.getLogger(__name__)

UPDATES = 10  # of the metrics in the time of a window


class Monitor:
    """Compares the last images with a reference, and exports how far they are from it.

    The window holds numbers that the model computed, not images, and ends with the worker.

    Args:
        reference: the archive's.
        size: images in the window, at least the reference's smallest sample.
        metrics: where the distances go.
    """

    def __init__(self, reference: Reference, size: int, metrics: Metrics) -> None:
        self._reference, self._metrics, self._size = reference, metrics, size
        self._least = int(reference.sizes[0])
        self._every = max(1, size // UPDATES)
        self._seen, self._failed = 0, False
        self._next = max(self._least, self._every)  # images seen at the next update
        features = None if reference.features is None else np.zeros((size, len(reference.features.mean)), np.float32)
        self._last = reference.project(Images(np.zeros(size, np.int64), np.zeros(size, np.float32), features))

    @property
    def needs_features(self) -> bool:
        """Whether `observe` takes the features of images."""
        return self._last.features is not None

    def observe(self, images: Tensor, scores: Tensor, features: Tensor | None) -> None:
        """Take the images of a batch; those of one colour, such as a readiness probe's, do not count.

        Whatever goes wrong here must not harm a prediction: it is logged, and drift is not measured from then on.

        Args:
            images: (N, 3, height, width), normalised or not.
            scores: (N, classes).
            features: pooled, (N, C), where the reference has such.
        """
        if self._failed:
            return
        try:
            counted = _of_several_colours(images) & scores.isfinite().all(1)
            if features is not None:
                counted &= features.isfinite().all(1)
            if counted.any():
                self.add(Images.of_scores(scores[counted], None if features is None else features[counted]))
        except Exception:
            logger.exception("drift is not measured from now on")
            self._failed = True

    def add(self, images: Images) -> None:
        """Take images, and export the distances where it is time."""
        projected = self._reference.project(images)
        rows = (self._seen + np.arange(len(images))) % self._size
        self._last[rows] = projected
        self._seen += len(images)
        if self._seen >= self._next:
            self._next = self._seen + self._every
            self._export()

    @property
    def window(self) -> Images:
        """What the window holds."""
        return self._last[: min(self._seen, self._size)]

    def distances(self) -> dict[Statistic, tuple[float, float]]:
        """Return each statistic of the window, and the same as a multiple of its limit."""
        window = self.window
        return {
            name: (found, found / self._reference.limit(name, len(window)))
            for name, found in self._reference.distances(window).items()
        }

    def _export(self) -> None:
        self._metrics.drift(len(self.window), self._reference.images, self.distances())


def _of_several_colours(images: Tensor) -> Tensor:
    """Return which images are not of one colour, as far as every eighth pixel tells, (N,) on the CPU."""
    pixels = images[:, :, ::8, ::8]
    return (pixels != pixels[:, :, :1, :1]).flatten(1).any(1).cpu()


def open_monitor(manifest: Manifest, directory: Path, size: int, metrics: Metrics) -> Monitor | None:
    """Return a monitor; None where the archive has no reference, or the settings want none.

    Args:
        manifest: the model.
        directory: the unpacked archive.
        size: images in the window; 0 for no monitor.
        metrics: where the distances go.

    Raises:
        EngineError: the reference is missing, or is not the one that the manifest names.
    """
    if not size or REFERENCE not in manifest.programs:
        return None
    return Monitor(Reference.load(program_path(manifest, directory, REFERENCE)), size, metrics)
