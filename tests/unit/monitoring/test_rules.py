"""The alerts fire on their troubles and on nothing else, as Prometheus' own tool sees it."""

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


def test_the_rules_do_what_they_say() -> None:
    promtool("test", "rules", HERE / "rules_tests.yml")


def test_every_alert_is_proved_to_fire_and_to_stay_silent() -> None:
    alerts = {
        rule["alert"]
        for group in yaml.safe_load(RULES.read_text())["groups"]
        for rule in group["rules"]
        if "alert" in rule
    }
    proofs = [
        (proof["alertname"], bool(proof.get("exp_alerts")))
        for test in yaml.safe_load((HERE / "rules_tests.yml").read_text())["tests"]
        for proof in test.get("alert_rule_test", [])
    ]
    for fires in (True, False):
        assert {name for name, fired in proofs if fired is fires} == alerts
