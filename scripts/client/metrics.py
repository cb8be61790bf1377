"""Reads Prometheus' text format."""

from collections.abc import Iterator

from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.samples import Sample


def samples(text: str) -> Iterator[Sample]:
    """Yield every sample of a scrape."""
    for family in text_string_to_metric_families(text):
        yield from family.samples
