"""The metrics this handler adds to TorchServe's own; each is declared in config/metrics.yaml.

Names follow Prometheus' conventions. Their labels are `model_name` and at most one more with a small, fixed set of
values. TorchServe reads them from the worker's output, where a `:` or `,` in a label's value would break the line.
"""

import re
import time
from collections import Counter, deque
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Literal

from torch import Tensor
from ts.metrics.metric_cache_errors import MetricsCacheKeyError
from ts.metrics.metric_type_enum import MetricTypes

from handler.timeline import Interval, Timeline

Stage = Literal["decode", "transform", "inference", "explanation"]
Outcome = Literal["answered", "rejected", "failed"]

# name -> (type, unit, labels after model_name)
DECLARED: dict[str, tuple[MetricTypes, str, tuple[str, ...]]] = {
    "classifier_requests_total": (MetricTypes.COUNTER, "requests", ("outcome",)),
    "classifier_rejected_total": (MetricTypes.COUNTER, "requests", ("reason",)),
    "classifier_explanations_total": (MetricTypes.COUNTER, "images", ("method",)),
    "classifier_stage_seconds": (MetricTypes.HISTOGRAM, "seconds", ("stage",)),
    "classifier_batch_images": (MetricTypes.HISTOGRAM, "images", ()),
    "classifier_confidence_ratio": (MetricTypes.HISTOGRAM, "ratio", ()),
    "classifier_model_info": (
        MetricTypes.GAUGE,
        "info",
        ("version", "engine", "precision", "instruction_set", "stand_in"),
    ),
    "classifier_trial_images_per_second": (MetricTypes.GAUGE, "images", ("engine", "precision")),
    "classifier_drift_psi": (MetricTypes.GAUGE, "index", ("of",)),
    "classifier_drift_frechet_distance": (MetricTypes.GAUGE, "squared", ()),
    "classifier_drift_ratio": (MetricTypes.GAUGE, "ratio", ("of",)),
    "classifier_drift_window_images": (MetricTypes.GAUGE, "images", ()),
    "classifier_drift_reference_images": (MetricTypes.GAUGE, "images", ()),
}


class Metrics:
    """Collects this handler's metrics for one model, and writes those of a batch once the network has run.

    Each line that a worker writes wakes a thread of the frontend. While the network keeps all CPUs busy, that slows it
    down: 0.5 % of the images of 16 clients, and of a lone one's time.

    Args:
        cache: TorchServe's metrics cache (`context.metrics`).
        model_name: the served name.
    """

    def __init__(self, cache: Any, model_name: str) -> None:
        self._model_name = _label(model_name)
        self._metrics = {name: _find(cache, name) for name in DECLARED}
        self._counts: Counter[tuple[str, tuple[str, ...]]] = Counter()
        self._observed: deque[tuple[str, tuple[str, ...], float]] = deque()

    def request(self, outcome: Outcome) -> None:
        """Count one request by how it ended."""
        self._counts["classifier_requests_total", (outcome,)] += 1

    def rejected(self, reason: str) -> None:
        """Count one request that its client must change, by the slug of its problem."""
        self._counts["classifier_rejected_total", (reason,)] += 1

    def explanation(self, method: str) -> None:
        """Count one image whose prediction was explained."""
        self._counts["classifier_explanations_total", (method,)] += 1

    def batch(self, images: int) -> None:
        """Observe the images of one call of the engine."""
        self._observe("classifier_batch_images", images)

    def confidences(self, scores: Tensor) -> None:
        """Observe the score of each image's top-1 class, 0 to 1.

        Args:
            scores: of shape (images, classes).
        """
        for score in scores.amax(dim=1).tolist():
            self._observe("classifier_confidence_ratio", round(score, 4))

    def model(self, version: str, serving: tuple[str, str, str], fallback: bool) -> None:
        """Say which model runs, and on which engine, in which precision, with which instructions."""
        self._observe("classifier_model_info", 1, _label(version), *serving, str(fallback).lower())

    def trial(self, engine: str, precision: str, images_per_second: float) -> None:
        """Say what an engine reached when the worker chose one; 0 where it could not be used."""
        self._observe("classifier_trial_images_per_second", images_per_second, engine, precision)

    def drift(self, window: int, reference: int, distances: Mapping[Any, tuple[float, float]]) -> None:
        """Say how far a window is from the reference.

        Args:
            window: images in it.
            reference: images in that.
            distances: each statistic, and the same as a multiple of its limit.
        """
        self._observe("classifier_drift_window_images", window)
        self._observe("classifier_drift_reference_images", reference)
        for of, (distance, ratio) in distances.items():
            if of == "features":
                self._observe("classifier_drift_frechet_distance", round(distance, 6))
            else:
                self._observe("classifier_drift_psi", round(distance, 6), of)
            self._observe("classifier_drift_ratio", round(ratio, 4), of)

    @contextmanager
    def timed(self, stage: Stage, timeline: Timeline | None = None) -> Iterator[None]:
        """Observe the seconds that a stage takes, also when it ends in an error.

        Args:
            stage: its name.
            timeline: the request's, where it belongs to one alone.
        """
        start = time.perf_counter()
        try:
            yield
        finally:
            end = time.perf_counter()
            self._observe("classifier_stage_seconds", round(end - start, 6), stage)
            if timeline:
                timeline.intervals.append(Interval(stage, start, end))

    def write(self) -> None:
        """Hand over to TorchServe what was collected since the last time."""
        for (name, labels), count in self._counts.items():
            self._emit(name, labels, count)
        self._counts.clear()
        while self._observed:  # a thread may still decode an image of a request that another image made fail
            self._emit(*self._observed.popleft())

    def _emit(self, name: str, labels: tuple[str, ...], value: float) -> None:
        self._metrics[name].add_or_update(value, [self._model_name, *labels])

    def _observe(self, name: str, value: float, *labels: str) -> None:
        self._observed.append((name, labels, value))


def _find(cache: Any, name: str) -> Any:
    """Take a declared metric, or add it where the server was started with another metrics.yaml."""
    metric_type, unit, labels = DECLARED[name]
    try:
        return cache.get_metric(name, metric_type)
    except MetricsCacheKeyError:
        return cache.add_metric_to_cache(name, unit, ["model_name", *labels], metric_type)


def _label(value: str) -> str:
    return re.sub(r"[^\w.\-]", "_", value)
