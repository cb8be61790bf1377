"""The rules and alerts, tested by promtool."""

import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from scripts.common.paths import CONFIG

RULES = CONFIG / "prometheus" / "rules.yml"
HERE = Path(__file__).parent


def promtool(*command: str | Path) -> None:
    if shutil.which("promtool") is None:
        pytest.skip("promtool is not installed (Debian: apt-get install prometheus)")
    result = subprocess.run(["promtool", *command], capture_output=True, text=True, check=False, cwd=HERE)
    assert result.returncode == 0, result.stdout + result.stderr


def test_the_configuration_is_valid() -> None:
    promtool("check", "config", CONFIG / "prometheus" / "prometheus.yml")


def test_rules_and_alerts() -> None:
    promtool("test", "rules", HERE / "rules_tests.yml")


def test_every_alert_is_tested_firing_and_silent() -> None:
    alerts = {
        rule["alert"]
        for group in yaml.safe_load(RULES.read_text())["groups"]
        for rule in group["rules"]
        if "alert" in rule
    }
    tested = [
        (case["alertname"], bool(case.get("exp_alerts")))
        for test in yaml.safe_load((HERE / "rules_tests.yml").read_text())["tests"]
        for case in test.get("alert_rule_test", [])
    ]
    for fires in (True, False):
        assert {name for name, fired in tested if fired is fires} == alerts
