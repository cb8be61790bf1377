"""The rules and alerts, tested by promtool, and the actions that alerts name."""

import re
import shutil
import subprocess
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
from tests.unit.monitoring import gateway, metrics

HERE = Path(__file__).parent


def promtool(*command: str | Path, stdin: str | None = None) -> None:
    if shutil.which("promtool") is None:
        pytest.skip("promtool is not installed (Debian: apt-get install prometheus)")
    result = subprocess.run(["promtool", *command], input=stdin, capture_output=True, text=True, check=False, cwd=HERE)
    assert (result.returncode, result.stderr) == (0, ""), result.stdout + result.stderr


TESTS = sorted(HERE.glob("*_tests.yml"))


def rule_tests() -> list[dict[str, Any]]:
    return [test for path in TESTS for test in metrics.read(path)["tests"]]


def alerts() -> list[dict[str, Any]]:
    return [rule for rule in metrics.rules() if "alert" in rule]


def test_the_configuration_is_valid() -> None:
    promtool("check", "config", "--lint-fatal", CONFIG / "prometheus" / "prometheus.yml")


@pytest.mark.parametrize("path", TESTS, ids=lambda path: path.stem)
def test_rules_and_alerts(path: Path) -> None:
    promtool("test", "rules", path)


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


def test_the_gateway_s_metrics_are_valid() -> None:
    promtool("check", "metrics", stdin=gateway.metrics())


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


def test_the_status_service_s_metrics_are_valid() -> None:
    readiness = Readiness(Management(), "")
    workers = (Worker("9000", 7, "READY"),)
    readiness.versions = [ModelVersion("m", "1.0", "m.mar", 1, 1, 8, 5, workers, Queue(3, 100))]
    promtool("check", "metrics", stdin=exposition(readiness))


def test_every_alert_has_a_runbook() -> None:
    """A heading of its own, which says the severity, in docs/operations.md; in the order of the rules."""
    page = (PROJECT / "docs" / "operations.md").read_text(encoding="utf-8")
    headings = re.findall(r"^#### (\w+)\n\n\*(page|ticket)\*: \S", page, re.MULTILINE)
    assert headings == [(alert["alert"], alert["labels"]["severity"]) for alert in alerts()]
    for alert in alerts():
        assert alert["annotations"]["runbook"] == f"docs/operations.md#{alert['alert'].lower()}"


def test_alertmanager_sends_one_alert_for_one_thing() -> None:
    """The alerts that a rule for inhibition names exist."""
    names = [alert["alert"] for alert in alerts()]
    for rule in metrics.read(CONFIG / "prometheus" / "alertmanager.yml")["inhibit_rules"]:
        for matcher in (*rule["source_matchers"], *rule["target_matchers"]):
            (pattern,) = re.findall(r'^alertname=~?"(.+)"$', matcher)
            for each in pattern.split("|"):
                assert any(re.fullmatch(each, name) for name in names), each


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
