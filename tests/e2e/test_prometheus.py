"""The real Prometheus scrapes the metrics and evaluates the rules."""

import math
import re
import time

import pytest
import requests

from scripts.common.waiting import wait_until
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
    dashboard = [query for _, query in metrics.panel_queries()]
    expressions = [*dashboard, *(rule["expr"] for rule in metrics.rules())]
    named = set().union(*map(metrics.used, expressions)) | metrics.recorded()
    expected = {name for name in named if not metrics.of_drift(name)}

    def missing() -> set[str]:
        # Rates need two different samples.
        assert requests.post(predictions, data=image, timeout=60).ok
        assert requests.post(predictions, data=b"hello", timeout=60).status_code == 415
        url = f"{stack.prometheus_url}/api/v1/label/__name__/values"
        return expected - set(requests.get(url, timeout=10).json()["data"])

    assert len(expected) > 30
    wait_for(f"all of {sorted(expected)}", lambda: not missing(), 180)


def test_every_query_of_every_panel_is_answered(stack: Stack, predictions: str, image: bytes) -> None:
    queries = [(line, query) for line, query in metrics.panel_queries() if not metrics.of_drift(query)]
    assert len(queries) > 30

    def unanswered() -> list[str]:
        assert requests.post(predictions, data=image, timeout=60).ok
        assert requests.post(predictions, data=b"hello", timeout=60).status_code == 415
        return [line for line, query in queries if not figures(stack, query)]

    if not wait_until(lambda: not unanswered(), 180):
        pytest.fail(f"no data: {unanswered()}")


def figures(stack: Stack, query: str) -> list[float]:
    """Return the values that a panel can draw: not NaN, as of a division by zero."""
    values = [float(result["value"][1]) for result in stack.query(query)]
    return [value for value in values if math.isfinite(value)]


@pytest.mark.parametrize("name", metrics.variables())
def test_every_variable_has_something_to_choose(stack: Stack, predictions: str, name: str) -> None:
    """As Grafana reads them: label values or query results, and what the expression of the variable takes of these."""
    variable = metrics.variables()[name]
    if found := re.fullmatch(r"label_values\((.+), (\w+)\)", variable["query"]):
        query, label = found.groups()
    else:
        query, label = variable["query"].removeprefix("query_result(").removesuffix(")"), "version"
    results = wait_for(name, lambda: stack.query(query))
    values = [result["metric"][label] for result in results]
    shown = [f'{{{label}="{value}"}} 1' if "query_result" in variable["query"] else value for value in values]
    pattern = re.compile(variable.get("regex", "").strip("/") or "(.+)")
    chosen = {match[1] for value in shown if (match := pattern.search(value))}
    expected = {
        "model": {stack.model()},
        "version": {"default", "1.0"},
        "replica": {stack.address(each) for each in stack.containers("torchserve")},
    }
    assert chosen >= expected[name]


def test_the_start_of_a_version_is_annotated(stack: Stack, predictions: str) -> None:
    """As each change of a model's default version is."""
    (query,) = metrics.annotation_queries()

    def marks() -> list[dict[str, str]]:
        now = time.time()
        span: dict[str, str | float] = {"query": query, "start": now - 3600, "end": now, "step": 15}
        response = requests.get(f"{stack.prometheus_url}/api/v1/query_range", params=span, timeout=10)
        return [result["metric"] for result in response.json()["data"]["result"]]

    assert {"model_name": stack.model(), "model_version": "1.0"} in wait_for("an annotation", marks)


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
