"""Metrics that TorchServe does not have: the queue, the workers and their restarts."""

from collections.abc import Iterator

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from scripts.container.readiness import Readiness

LABELS = ("model_name", "model_version")


class ServingMetrics(Collector):
    """The figures of the last check of a Readiness.

    Args:
        readiness: where the figures come from.
    """

    def __init__(self, readiness: Readiness) -> None:
        self._readiness = readiness

    def collect(self) -> Iterator[Metric]:
        """Yield a family for each metric."""
        accepting = self._readiness.accepting.is_set()
        yield GaugeMetricFamily("serving_accepting", "1 while requests should be sent here.", value=accepting)
        queue = GaugeMetricFamily("serving_queue_requests", "Requests that wait for a worker.", labels=LABELS)
        capacity = GaugeMetricFamily(
            "serving_queue_capacity_requests", "Requests that may wait; TorchServe responds 503 to more.", labels=LABELS
        )
        ready = GaugeMetricFamily("serving_workers_ready", "Workers that are READY.", labels=LABELS)
        wanted = GaugeMetricFamily(
            "serving_workers_wanted", "Workers that TorchServe should keep running.", labels=LABELS
        )
        default = GaugeMetricFamily(
            "serving_default_version_info",
            "1 for the version of a model that serves requests without one.",
            labels=LABELS,
        )
        restarts = CounterMetricFamily(
            "serving_worker_restarts", "Workers that were started again after they ended.", labels=LABELS
        )
        for version in self._readiness.versions:
            queue.add_metric(version.id, version.queue.pending)
            capacity.add_metric(version.id, version.queue.capacity)
            ready.add_metric(version.id, sum(worker.ready for worker in version.workers))
            wanted.add_metric(version.id, version.min_workers)
            if self._readiness.is_default(version):
                default.add_metric(version.id, 1)
            restarts.add_metric(version.id, self._readiness.restarts[version.id])
        yield from (queue, capacity, ready, wanted, default, restarts)


def exposition(readiness: Readiness) -> str:
    """Return the metrics in Prometheus' text format."""
    registry = CollectorRegistry()
    registry.register(ServingMetrics(readiness))
    return generate_latest(registry).decode()
