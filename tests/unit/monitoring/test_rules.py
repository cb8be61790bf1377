"""The rules and alerts, tested by promtool, and the actions that alerts name."""

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

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


def rule_tests() -> list[dict[str, Any]]:
    tests: list[dict[str, Any]] = metrics.read(HERE / "rules_tests.yml")["tests"]
    return tests


def test_the_configuration_is_valid() -> None:
    promtool("check", "config", "--lint-fatal", CONFIG / "prometheus" / "prometheus.yml")


def test_rules_and_alerts() -> None:
    promtool("test", "rules", HERE / "rules_tests.yml")


def test_every_alert_is_tested_firing_and_silent() -> None:
    alerts = {rule["alert"] for rule in metrics.rules() if "alert" in rule}
    tested = [
        (case["alertname"], bool(case.get("exp_alerts")))
        for test in rule_tests()
        for case in test.get("alert_rule_test", [])
    ]
    for fires in (True, False):
        assert {name for name, fired in tested if fired is fires} == alerts


def test_every_recording_rule_is_tested() -> None:
    cases = [case for test in rule_tests() for case in test.get("promql_expr_test", [])]
    assert set().union(*(metrics.used(case["expr"]) for case in cases)) == metrics.recorded()


def test_actions_name_existing_commands() -> None:
    actions = "\n".join(rule["annotations"]["action"] for rule in metrics.rules() if "alert" in rule)
    services = metrics.read(PROJECT / "docker-compose.yml")["services"]
    assert set(re.findall(r"docker compose logs (\w+)", actions)) <= set(services)
    assert set(re.findall(r"docker compose (\w+)", actions)) == {"ps", "logs"}
    makefile = (PROJECT / "Makefile").read_text()
    targets = re.findall(r"\bmake (\w+)", actions)
    assert targets
    assert all(f"\n{target}:" in makefile for target in targets)


def test_the_gateway_s_metrics_are_valid() -> None:
    promtool("check", "metrics", stdin=gateway.metrics())


def test_the_status_service_s_metrics_are_valid() -> None:
    readiness = Readiness(Management(), "")
    workers = (Worker("9000", 7, "READY"),)
    readiness.versions = [ModelVersion("m", "1.0", "m.mar", 1, 1, 8, 5, workers, Queue(3, 100))]
    promtool("check", "metrics", stdin=exposition(readiness))


def test_every_alert_is_documented() -> None:
    page = (PROJECT / "docs" / "deployment.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| (`\w+`(?:, `\w+`)*) \| (page|ticket) \|", page, re.MULTILINE)
    documented = {(name, severity) for names, severity in rows for name in re.findall(r"\w+", names)}
    assert documented == {(rule["alert"], rule["labels"]["severity"]) for rule in metrics.rules() if "alert" in rule}
