"""Grafana's files agree with each other, with the rules and with the exported metrics."""

import json

from scripts.common.paths import CONFIG, PROJECT
from tests.unit.monitoring import metrics

PROVISIONING = CONFIG / "grafana" / "provisioning"


def test_every_query_uses_existing_metrics() -> None:
    queries = metrics.dashboard_queries(json.loads(metrics.DASHBOARD.read_text()))
    assert len(queries) >= 15
    missing = {
        name: query for query in queries for name in metrics.used(query) - metrics.declared() - metrics.recorded()
    }
    assert not missing


def test_every_rule_uses_existing_metrics() -> None:
    missing = {
        name: rule["expr"]
        for rule in metrics.rules()
        for name in metrics.used(rule["expr"]) - metrics.declared() - metrics.recorded()
    }
    assert not missing


def test_used_finds_every_metric_of_a_query() -> None:
    query = 'sum by (route) (rate(gateway_requests_totl{status=~"5.."}[5m])) / on () group:made:up'
    assert metrics.used(query) == {"gateway_requests_totl", "group:made:up"}


def test_the_dashboard_has_the_main_panels() -> None:
    titles = {panel["title"] for panel in json.loads(metrics.DASHBOARD.read_text())["panels"]}
    expected = {"Traffic by status", "Errors by cause", "By stage", "Batch size", "Queue", "Top-1 confidence"}
    assert (
        expected | {"Ready workers", "CPU", "Memory", "Disk", "Errors by version", "95th percentile by version"}
        <= titles
    )


def test_panels_do_not_overlap() -> None:
    cells: set[tuple[int, int]] = set()
    for panel in json.loads(metrics.DASHBOARD.read_text())["panels"]:
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
    for panel in json.loads(metrics.DASHBOARD.read_text())["panels"]:
        assert panel["type"] == "row" or panel["datasource"]["uid"] == source["uid"]
