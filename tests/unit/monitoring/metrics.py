"""Which metrics there are, read from the files that declare them, and which ones a query uses."""

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
OPERATORS = {"by", "and", "or", "on"}
HISTOGRAM = ("_bucket", "_sum", "_count")
PROMETHEUS_OWN = {"up"}


def used(expression: str) -> set[str]:
    """Return the names of the metrics in a PromQL expression."""
    bare = re.sub(r"\{[^}]*\}|\[[^]]*\]|\bby\s*\([^)]*\)|\bon\s*\([^)]*\)", " ", expression)
    return set(re.findall(r"(?<![\w:.])[a-zA-Z_][\w:]*", bare)) - FUNCTIONS - OPERATORS


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


def dashboard_queries(dashboard: dict[str, Any]) -> list[str]:
    """Return every query of a Grafana dashboard."""
    return [target["expr"] for panel in dashboard["panels"] for target in panel.get("targets", [])]


def read(path: Path) -> Any:
    """Return a YAML or JSON file's content."""
    return yaml.safe_load(path.read_text(encoding="utf-8"))
