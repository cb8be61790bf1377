"""Grafana's files agree with each other, with the rules and with the exported metrics."""

import re
from typing import Any

import pytest

from scripts.common.paths import CONFIG, PROJECT
from tests.unit.monitoring import metrics

PROVISIONING = CONFIG / "grafana" / "provisioning"


def test_every_query_uses_existing_metrics() -> None:
    queries = [query for _, query in metrics.panel_queries()] + metrics.annotation_queries()
    queries += [re.sub(r"label_values\((.*), \w+\)", r"\1", one["query"]) for one in metrics.variables().values()]
    assert len(queries) >= 30
    missing = {
        name: query for query in queries for name in metrics.used(query) - metrics.declared() - metrics.recorded()
    }
    assert not missing


@pytest.mark.parametrize("panel", metrics.panels(), ids=lambda panel: panel["title"])
def test_every_panel_has_a_unit_and_a_description(panel: dict[str, Any]) -> None:
    assert panel["fieldConfig"]["defaults"]["unit"]
    assert panel["description"].endswith(".")


@pytest.mark.parametrize(
    ("metric", "labels"),
    [
        ("gateway_requests_total", ("model", "version")),
        ("gateway_request_seconds_bucket", ("model", "version")),
        ("serving_queue_requests", ("model_name", "model_version", "instance")),
        ("serving_workers_ready", ("model_name", "model_version", "instance")),
        ("serving_worker_restarts_total", ("model_name", "model_version", "instance")),
        ("classifier_stage_seconds_sum", ("model_name", "instance")),
        ("classifier_batch_images_sum", ("model_name", "instance")),
        ("classifier_rejected_total", ("model_name", "instance")),
        ("classifier_model_info", ("model_name", "instance")),
        ("slo:burn_rate:ratio1h", ("model",)),
        ("slo:budget_left:ratio30d", ("model",)),
        ("CPUUtilization", ("instance",)),
    ],
)
def test_the_variables_choose_what_a_panel_shows(metric: str, labels: tuple[str, ...]) -> None:
    expressions = [target["expr"] for panel in metrics.panels() for target in panel["targets"]]
    selectors = [one for each in expressions for one in re.findall(rf"\b{metric}\{{([^}}]*)\}}", each)]
    assert selectors
    for selector in selectors:
        assert set(labels) <= set(re.findall(r'(\w+)=~"\$(?:model|version|replica)', selector)), selector


def test_panels_take_the_chosen_data_source() -> None:
    dashboard = metrics.dashboard()
    (chosen,) = [one for one in dashboard["templating"]["list"] if one["type"] == "datasource"]
    asked = [*metrics.panels(), *metrics.variables().values(), *dashboard["annotations"]["list"]]
    asked += [target for panel in metrics.panels() for target in panel["targets"]]
    assert {one["datasource"]["uid"] for one in asked} == {f"${{{chosen['name']}}}"}
    (source,) = metrics.read(PROVISIONING / "datasources" / "prometheus.yml")["datasources"]
    assert chosen["current"]["value"] == source["uid"]
    assert chosen["query"] == source["type"]


def test_latency_shows_the_traces_that_the_histogram_names() -> None:
    targets = [target for panel in metrics.panels() for target in panel["targets"]]
    assert [metrics.used(target["expr"]) for target in targets if target.get("exemplar")] == [
        {"gateway_request_seconds_bucket"}
    ]


def test_panels_have_ids_of_their_own() -> None:
    ids = [panel["id"] for panel in metrics.dashboard()["panels"]]
    assert len(ids) == len(set(ids))


def test_every_rule_uses_existing_metrics() -> None:
    missing = {
        name: rule["expr"]
        for rule in metrics.rules()
        for name in metrics.used(rule["expr"]) - metrics.declared() - metrics.recorded()
    }
    assert not missing


def test_used_finds_every_metric_of_a_query() -> None:
    query = 'sum by (route) (rate(gateway_requests_totl{status=~"5.."}[5m])) / on () group:made:up offset 5m'
    assert metrics.used(query) == {"gateway_requests_totl", "group:made:up"}
    assert metrics.used('label_replace(made_up, "model", "$1", "name", "(.*)") unless on () other') == {
        "made_up",
        "other",
    }


def test_the_dashboard_has_the_main_panels() -> None:
    titles = {panel["title"] for panel in metrics.panels()}
    expected = {"Traffic by status", "Errors by cause", "By stage", "Batch size", "Queue", "Top-1 confidence"}
    assert (
        expected
        | {
            "Ready workers",
            "CPU",
            "Memory",
            "Disk",
            "Errors by version",
            "95th percentile by version",
            "Error budget left",
        }
        <= titles
    )


def test_panels_do_not_overlap() -> None:
    cells: set[tuple[int, int]] = set()
    for panel in metrics.dashboard()["panels"]:
        at = panel["gridPos"]
        assert at["x"] + at["w"] <= 24
        own = {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}
        assert not own & cells, panel["title"]
        cells |= own


def test_provisioning_matches_compose() -> None:
    compose = metrics.read(PROJECT / "docker-compose.yml")["services"]
    (source,) = metrics.read(PROVISIONING / "datasources" / "prometheus.yml")["datasources"]
    host, port = source["url"].removeprefix("http://").split(":")
    assert host in compose
    assert any(str(published).endswith(f":{port}") for published in compose[host]["ports"])
    (provider,) = metrics.read(PROVISIONING / "dashboards" / "dashboards.yml")["providers"]
    assert any(f":{provider['options']['path']}:ro" in volume for volume in compose["grafana"]["volumes"])
