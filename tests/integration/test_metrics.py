"""The metrics that a real server exports."""

import re

import pytest
import requests

from handler.metrics import DECLARED
from scripts.server.torchserve import TorchServe
from tests.integration.conftest import wait_for_log
from tests.integration.scraping import scrape, settled
from tests.integration.test_inference import IMAGE, broken
from tests.unit.monitoring import metrics, promtool

MODEL = "efficientnet-lite0"
# TorchServe looks for its own metrics by these names, so they cannot be renamed.
CAMEL_CASE = "metric names should be written in 'snake_case' not 'camelCase'"
CAMEL_CASE_LABEL = "label names should be written in 'snake_case' not 'camelCase'"
NO_TOTAL = 'counter metrics should have "_total" suffix'
NO_SECONDS = 'use base unit "seconds" instead of "microseconds"'
COMPLAINTS = {
    (CAMEL_CASE, "DiskAvailable DiskUsage DiskUtilization MemoryAvailable MemoryUsed MemoryUtilization"),
    (CAMEL_CASE, "HandlerTime PredictionTime QueueTime WorkerLoadTime WorkerThreadTime"),
    (CAMEL_CASE_LABEL, "HandlerTime PredictionTime WorkerLoadTime"),
    (NO_TOTAL, "Requests2XX Requests4XX Requests5XX ts_inference_latency_microseconds ts_queue_latency_microseconds"),
    (NO_SECONDS, "ts_inference_latency_microseconds ts_queue_latency_microseconds"),
}


def test_valid_and_invalid_requests_are_counted(server: TorchServe, classify: str) -> None:
    before = scrape(server)
    assert requests.post(classify, data=IMAGE).status_code == 200
    assert requests.post(classify, data=broken(IMAGE)).status_code == 422
    after = settled(server)

    def grown(name: str, **labels: str) -> float:
        key = (name, tuple(sorted({"model_name": MODEL, **labels}.items())))
        return after.get(key, 0.0) - before.get(key, 0.0)

    assert grown("classifier_requests_total", outcome="answered") == 1
    assert grown("classifier_requests_total", outcome="rejected") == 1
    assert grown("classifier_rejected_total", reason="damaged-image") == 1
    assert grown("classifier_stage_seconds_count", stage="decode") == 2
    assert grown("classifier_stage_seconds_count", stage="transform") == 1
    assert grown("classifier_stage_seconds_count", stage="inference") == 1
    assert 0 < grown("classifier_stage_seconds_sum", stage="inference") < 60
    assert grown("classifier_batch_images_count") == 1
    assert grown("classifier_batch_images_sum") == 1
    assert grown("classifier_confidence_ratio_count") == 1
    score = requests.post(classify, data=IMAGE).json()[0]["score"]
    assert grown("classifier_confidence_ratio_sum") == pytest.approx(score, abs=1e-3)


def test_every_configured_metric_is_exported(server: TorchServe, classify: str) -> None:
    requests.post(classify, data=IMAGE)
    requests.post(classify, data=b"text")
    requests.post(classify.replace("/predictions/", "/explanations/"), data=IMAGE)
    exported = {name for name, _ in settled(server)}
    of_drift = {name for name in DECLARED if name.startswith("classifier_drift_")}  # without a reference there are none
    assert not of_drift & exported
    for name, (kind, _, _) in DECLARED.items():
        if name in of_drift:
            continue
        assert (f"{name}_bucket" if kind.value == "histogram" else name) in exported


def test_what_serves_is_in_the_metrics_the_description_and_the_log(server: TorchServe) -> None:
    described = requests.get(f"{server.management.url}/models/{MODEL}?customized=true").json()[0]
    serving = described["customizedMetadata"]["serving"]
    chosen = {key: serving[key] for key in ("engine", "precision", "instruction_set")}
    labels = {"model_name": MODEL, "stand_in": "true", "version": "1.0", **chosen}
    exported = scrape(server)
    assert exported["classifier_model_info", tuple(sorted(labels.items()))] == 1

    rates = {(trial["engine"], trial["precision"]): trial["images_per_second"] for trial in serving["trials"]}
    assert {("onnx", "float32"), ("openvino", "float32")} <= set(rates)
    assert max(rates, key=lambda one: rates[one]) == (serving["engine"], serving["precision"])
    for (engine, precision), rate in rates.items():
        one = {"model_name": MODEL, "engine": engine, "precision": precision}
        assert exported["classifier_trial_images_per_second", tuple(sorted(one.items()))] == rate

    what = f"{chosen['engine']} in {chosen['precision']} ({chosen['instruction_set']})"
    wait_for_log(server, f"ready: {MODEL} 1.0 on {what}")


def test_promtool_complains_of_torchserves_own_names_alone(server: TorchServe, classify: str) -> None:
    requests.post(classify, data=IMAGE)
    requests.post(classify, data=b"text")
    settled(server)
    text = requests.get(f"{server.ports.url(server.ports.metrics)}/metrics").text
    assert promtool.complaints(text) <= {(name, told) for told, names in COMPLAINTS for name in names.split()}


def test_every_exported_metric_is_declared(server: TorchServe, classify: str) -> None:
    """And so on the page (tests/unit/monitoring/test_metrics.py)."""
    requests.post(classify, data=IMAGE)
    settled(server)
    text = requests.get(f"{server.ports.url(server.ports.metrics)}/metrics").text
    exported = set(re.findall(r"^[A-Za-z_]\w*", text, re.MULTILINE))  # a parser adds _total to some
    assert {"Requests2XX", "ts_inference_requests_total", "classifier_requests_total"} <= exported
    assert exported <= metrics.declared()
