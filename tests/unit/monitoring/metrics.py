"""Which metrics there are, read from the files that declare them, and which ones a query uses."""

import json
import re
from pathlib import Path
from typing import Any

import yaml
from prometheus_client.parser import text_string_to_metric_families

from scripts.client.management import Management
from scripts.common.paths import CONFIG
from scripts.container.queue_metrics import exposition
from scripts.container.readiness import Readiness
from tests.unit.monitoring import gateway

DASHBOARD = CONFIG / "grafana" / "dashboards" / "image-classifier.json"
FUNCTIONS = {"sum", "rate", "max", "increase", "vector", "deriv", "absent", "round", "histogram_quantile"}
FUNCTIONS |= {"avg", "avg_over_time", "changes", "group", "label_replace", "query_result", "scalar"}
OPERATORS = {"and", "or", "unless", "offset"}
HISTOGRAM = ("_bucket", "_sum", "_count")
PROMETHEUS_OWN = {"up"}


def used(expression: str) -> set[str]:
    """Return the names of the metrics in a PromQL expression."""
    labels = r"\b(?:by|without|on|group_left)\s*\([^)]*\)"
    bare = re.sub(rf'\{{[^}}]*\}}|\[[^]]*\]|"[^"]*"|\b\d+[smhd]\b|{labels}', " ", expression)
    return set(re.findall(r"(?<![\w:.])[a-zA-Z_][\w:]*", bare)) - FUNCTIONS - OPERATORS


def of_drift(expression: str) -> bool:
    """Whether it needs an archive with a reference, which tests/integration/test_drift.py serves."""
    return any(name.startswith(("classifier_drift_", "classifier:drift_")) for name in used(expression))


def rules() -> list[dict[str, Any]]:
    """Return all recording and alerting rules."""
    groups = yaml.safe_load((CONFIG / "prometheus" / "rules.yml").read_text(encoding="utf-8"))["groups"]
    return [rule for group in groups for rule in group["rules"]]


def recorded() -> set[str]:
    """Return the names that recording rules make."""
    return {rule["record"] for rule in rules() if "record" in rule}


def declared() -> set[str]:
    """Return the names that TorchServe, the handler, the status service and the gateway export."""
    sections = yaml.safe_load((CONFIG / "metrics.yaml").read_text(encoding="utf-8"))
    names = set(PROMETHEUS_OWN)
    for section in ("ts_metrics", "model_metrics"):
        for kind, metrics in sections[section].items():
            for metric in metrics:
                names |= {metric["name"] + end for end in (HISTOGRAM if kind == "histogram" else ("",))}
    text = exposition(Readiness(Management(), "")) + gateway.metrics()
    ends = {"histogram": HISTOGRAM, "counter": ("_total",)}
    for family in text_string_to_metric_families(text):
        names |= {family.name + end for end in ends.get(family.type, ("",))}
    return names


def dashboard() -> dict[str, Any]:
    """Return the Grafana dashboard."""
    document: dict[str, Any] = json.loads(DASHBOARD.read_text(encoding="utf-8"))
    return document


def panels() -> list[dict[str, Any]]:
    """Return the dashboard's panels, without the rows."""
    return [panel for panel in dashboard()["panels"] if panel["type"] != "row"]


def panel_queries() -> list[tuple[str, str]]:
    """Return title and query of every line of every panel, as Grafana sends it while each variable is `All`."""
    everything = {name: variable["allValue"] for name, variable in variables().items()}
    return [
        (f"{panel['title']}: {target['legendFormat']}", filled(target["expr"], everything))
        for panel in panels()
        for target in panel["targets"]
    ]


def variables() -> dict[str, dict[str, Any]]:
    """Return the dashboard's variables that Prometheus knows the values of, by name."""
    return {one["name"]: one for one in dashboard()["templating"]["list"] if one["type"] == "query"}


def annotation_queries() -> list[str]:
    """Return the queries of the dashboard's annotations, for all models."""
    return [filled(one["expr"], {"model": ".*"}) for one in dashboard()["annotations"]["list"]]


def filled(query: str, values: dict[str, str]) -> str:
    """Return a query with values instead of its variables."""
    for name, value in values.items():
        query = query.replace(f"${name}", value)
    assert not re.search(r"\$[a-z_]", query), query
    return query


def read(path: Path) -> Any:
    """Return a YAML or JSON file's content."""
    return yaml.safe_load(path.read_text(encoding="utf-8"))
