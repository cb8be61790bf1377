"""The real Prometheus scrapes the metrics and evaluates the rules."""

import json

import requests

from tests.e2e.stack import Stack
from tests.unit.monitoring import metrics
from tests.waiting import wait_for


def value(stack: Stack, expression: str) -> float | None:
    results = stack.query(expression)
    return float(results[0]["value"][1]) if results else None


def test_every_target_is_scraped(stack: Stack) -> None:
    wait_for(
        "all targets",
        lambda: {result["metric"]["job"] for result in stack.query("up == 1")} == {"torchserve", "serving", "gateway"},
    )


def test_predictions_and_errors_are_counted(stack: Stack, predictions: str, image: bytes) -> None:
    queries = {
        "handler": 'sum(classifier_requests_total{outcome="answered"})',
        "rejected": 'sum(classifier_rejected_total{reason="unsupported-format"})',
        "gateway": 'sum(gateway_requests_total{route="predictions",status="415"})',
        "queue": "sum(serving_queue_capacity_requests)",
    }
    wait_for("the first scrape", lambda: value(stack, queries["queue"]))
    before = {name: value(stack, query) or 0.0 for name, query in queries.items()}
    for _ in range(3):
        assert requests.post(predictions, data=image, timeout=60).ok
        assert requests.post(predictions, data=b"hello", timeout=60).status_code == 415
    for name in ("handler", "rejected", "gateway"):
        wait_for(name, lambda name=name: (value(stack, queries[name]) or 0.0) >= before[name] + 3)  # type: ignore[misc]


def test_every_metric_of_dashboard_and_rules_is_scraped(stack: Stack, predictions: str, image: bytes) -> None:
    dashboard = metrics.dashboard_queries(json.loads(metrics.DASHBOARD.read_text()))
    expressions = [*dashboard, *(rule["expr"] for rule in metrics.rules())]
    expected = set().union(*map(metrics.used, expressions)) | metrics.recorded()

    def missing() -> set[str]:
        # Rates need two different samples.
        assert requests.post(predictions, data=image, timeout=60).ok
        assert requests.post(predictions, data=b"hello", timeout=60).status_code == 415
        url = f"{stack.prometheus_url}/api/v1/label/__name__/values"
        return expected - set(requests.get(url, timeout=10).json()["data"])

    assert len(expected) > 30
    wait_for(f"all of {sorted(expected)}", lambda: not missing(), 90)


def test_rules_are_loaded_and_healthy(stack: Stack) -> None:
    groups = requests.get(f"{stack.prometheus_url}/api/v1/rules", timeout=10).json()["data"]["groups"]
    rules = [rule for group in groups for rule in group["rules"]]
    assert len(rules) >= 12
    wait_for("evaluated rules", lambda: all(rule["health"] == "ok" for rule in _rules(stack)))


def _rules(stack: Stack) -> list[dict[str, str]]:
    groups = requests.get(f"{stack.prometheus_url}/api/v1/rules", timeout=10).json()["data"]["groups"]
    return [rule for group in groups for rule in group["rules"]]


def test_prometheus_evaluates(stack: Stack) -> None:
    assert wait_for("the first evaluation", lambda: value(stack, "vector(1)")) == 1
