"""The rules and alerts, tested by promtool, and the actions that alerts name."""

import re
from pathlib import Path
from typing import Any

import pytest

from scripts.common.paths import CONFIG, PROJECT
from tests.unit.monitoring import gateway, metrics, promtool

HERE = Path(__file__).parent


def succeeds(*command: str | Path) -> None:
    result = promtool.run(*command, folder=HERE)
    assert (result.returncode, result.stderr) == (0, ""), result.stdout + result.stderr


TESTS = sorted(HERE.glob("*_tests.yml"))


def rule_tests() -> list[dict[str, Any]]:
    return [test for path in TESTS for test in metrics.read(path)["tests"]]


def alerts() -> list[dict[str, Any]]:
    return [rule for rule in metrics.rules() if "alert" in rule]


def test_the_configuration_is_valid() -> None:
    succeeds("check", "config", "--lint-fatal", CONFIG / "prometheus" / "prometheus.yml")


@pytest.mark.parametrize("path", TESTS, ids=lambda path: path.stem)
def test_rules_and_alerts(path: Path) -> None:
    succeeds("test", "rules", path)


def test_every_alert_is_tested_firing_and_silent() -> None:
    tested = [
        (case["alertname"], bool(case.get("exp_alerts")))
        for test in rule_tests()
        for case in test.get("alert_rule_test", [])
    ]
    for fires in (True, False):
        assert {name for name, fired in tested if fired is fires} == {alert["alert"] for alert in alerts()}


def test_every_recording_rule_is_tested() -> None:
    cases = [case for test in rule_tests() for case in test.get("promql_expr_test", [])]
    assert set().union(*(metrics.used(case["expr"]) for case in cases)) == metrics.recorded()


def test_actions_name_existing_commands() -> None:
    actions = "\n".join(alert["annotations"]["action"] for alert in alerts())
    services = metrics.read(PROJECT / "docker-compose.yml")["services"]
    assert set(re.findall(r"docker compose logs (\w+)", actions)) <= set(services)
    assert set(re.findall(r"docker compose (\w+)", actions)) == {"ps", "logs"}
    makefile = (PROJECT / "Makefile").read_text()
    targets = re.findall(r"\bmake (\w+)", actions)
    assert targets
    assert all(f"\n{target}:" in makefile for target in targets)


def test_every_alert_has_a_runbook() -> None:
    """A heading of its own, which says the severity, in docs/operations.md; in the order of the rules."""
    page = (PROJECT / "docs" / "operations.md").read_text(encoding="utf-8")
    headings = re.findall(r"^#### (\w+)\n\n\*(page|ticket)\*: \S", page, re.MULTILINE)
    assert headings == [(alert["alert"], alert["labels"]["severity"]) for alert in alerts()]
    for alert in alerts():
        assert alert["annotations"]["runbook"] == f"docs/operations.md#{alert['alert'].lower()}"


def test_alertmanager_sends_one_alert_for_one_thing() -> None:
    """The alerts and the jobs that a rule for inhibition names exist."""
    jobs = metrics.read(CONFIG / "prometheus" / "prometheus.yml")["scrape_configs"]
    known = {"alertname": [alert["alert"] for alert in alerts()], "job": [job["job_name"] for job in jobs]}
    for rule in metrics.read(CONFIG / "prometheus" / "alertmanager.yml")["inhibit_rules"]:
        for matcher in (*rule["source_matchers"], *rule["target_matchers"]):
            ((label, pattern),) = re.findall(r'^(\w+)=~?"(.+)"$', matcher)
            for each in pattern.split("|"):
                assert any(re.fullmatch(each, value) for value in known[label]), each


def test_the_objectives_on_the_page_are_those_of_the_rules() -> None:
    page = (PROJECT / "docs" / "operations.md").read_text(encoding="utf-8")
    objectives = {
        rule["labels"]["slo"]: float(rule["expr"].removeprefix("vector(").removesuffix(")"))
        for rule in metrics.rules()
        if rule.get("record") == "slo:objective:ratio"
    }
    for slo, objective in objectives.items():
        assert re.search(rf"^\| {slo} \| .*\| {100 * objective:g} % \|$", page, re.MULTILINE), slo


def test_the_objective_for_latency_is_a_bound_of_the_histogram() -> None:
    text = (CONFIG / "prometheus" / "rules.yml").read_text(encoding="utf-8")
    (bound,) = set(re.findall(r'le="([^"]+)"', text))
    assert f',le="{bound}"}}' in gateway.metrics()
    assert str(float(bound)) == bound, "Prometheus 3 stores it so"


def test_every_bound_is_written_as_prometheus_3_stores_it() -> None:
    bounds = set(re.findall(r'le="([^"]+)"', gateway.metrics())) - {"+Inf"}
    assert len(bounds) > 5
    assert {str(float(bound)) for bound in bounds} == bounds
