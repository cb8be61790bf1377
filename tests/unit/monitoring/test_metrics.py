"""The gateway's and the status service's metrics follow Prometheus' conventions; a page describes every metric."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import parser
from prometheus_client.openmetrics import parser as openmetrics

from scripts.client.management import Management
from scripts.client.models import ModelVersion, Queue, Worker
from scripts.common.paths import CONFIG, PROJECT
from scripts.container.queue_metrics import exposition
from scripts.container.readiness import Readiness
from tests.pages import PAGES
from tests.unit.monitoring import gateway, metrics, promtool


def status() -> str:
    readiness = Readiness(Management(), "")
    workers = (Worker("9000", 7, "READY"),)
    readiness.versions = [ModelVersion("m", "1.0", "m.mar", 1, 1, 8, 5, workers, Queue(3, 100))]
    return exposition(readiness)


@pytest.mark.parametrize("text", [gateway.metrics, status])
def test_promtool_has_nothing_to_say(text: Callable[[], str]) -> None:
    assert promtool.complaints(text()) == set()


@pytest.mark.parametrize("text", [gateway.metrics, status])
def test_every_metric_says_what_it_is(text: Callable[[], str]) -> None:
    families = list(parser.text_string_to_metric_families(text()))
    assert families
    for family in families:
        assert family.type in {"counter", "gauge", "histogram"}, family.name
        assert family.documentation.endswith("."), family.name


def test_every_metric_is_on_the_page_once() -> None:
    page = (PROJECT / "docs" / "operations.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `(\w+)` \| (counter|gauge|histogram) \| \S", page, re.MULTILINE)
    ends = {"histogram": metrics.HISTOGRAM}
    listed = [name + end for name, kind in rows for end in ends.get(kind, ("",))]
    assert sorted(listed) == sorted(metrics.declared() - metrics.PROMETHEUS_OWN)


NAMED_IN = [*PAGES, *(CONFIG / "kubernetes").rglob("*.yaml"), *(CONFIG / "prometheus").iterdir(), metrics.DASHBOARD]


@pytest.mark.parametrize("path", NAMED_IN, ids=lambda path: path.name)
def test_every_metric_that_a_file_names_exists(path: Path) -> None:
    found = re.findall(r"\b(?:classifier|gateway|serving|slo|ts)[_:][a-z0-9_:]+\b", path.read_text(encoding="utf-8"))
    known = metrics.declared() | metrics.recorded()
    known |= {name.removesuffix("_bucket") for name in known}
    assert set(found) <= known


def test_recording_rules_are_named_by_prometheus_convention() -> None:
    """level:metric:operations."""
    assert all(re.fullmatch(r"[a-z]+:[a-z_]+(:[a-z0-9_]+)?", name) for name in metrics.recorded())


def test_the_gateway_s_openmetrics_are_valid_and_have_exemplars() -> None:
    parse: Any = openmetrics.text_string_to_metric_families  # without types
    families = list(parse(gateway.metrics("application/openmetrics-text")))
    plain = list(parser.text_string_to_metric_families(gateway.metrics()))
    assert [(family.name, family.type) for family in families] == [(family.name, family.type) for family in plain]
    (exemplar,) = (sample.exemplar for family in families for sample in family.samples if sample.exemplar)
    assert (exemplar.labels, exemplar.value, float(exemplar.timestamp)) == (
        {"trace_id": gateway.TRACE},
        0.02,
        1795890000.25,
    )
