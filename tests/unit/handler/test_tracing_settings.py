"""Which spans are exported, and whether any, as the environment says."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from handler.classifier import ImageClassifier
from handler.lifecycle import Lifecycle
from handler.spans import Spans
from handler.tracing import NoTracing, open_tracing
from tests.unit.handler.batches import handled
from tests.unit.handler.test_imports import worker
from tests.unit.handler.traced import SERVED, gateway

ENDPOINT = "OTEL_EXPORTER_OTLP_ENDPOINT"


def test_the_environment_chooses_the_sampler(
    classifier: ImageClassifier, context: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_TRACES_SAMPLER", "parentbased_traceidratio")
    monkeypatch.setenv("OTEL_TRACES_SAMPLER_ARG", "0.5")
    exporter = InMemorySpanExporter()
    classifier.tracing = Spans(SERVED, SimpleSpanProcessor(exporter))
    low, high = f"{1:032x}", f"{2**64 - 1:032x}"
    handled(classifier, context, ({"body": b""}, gateway(low)), ({"body": b""}, gateway(high)))
    recorded = {span.context.trace_id for span in exporter.get_finished_spans() if span.context}
    assert recorded == {1}


@pytest.mark.parametrize(
    ("environment", "name"),
    [({}, "image-classifier-server"), ({"OTEL_SERVICE_NAME": "mine"}, "mine"),
     ({"OTEL_RESOURCE_ATTRIBUTES": "service.name=ours,a=b"}, "ours")],
)  # fmt: skip
def test_the_environment_names_the_service(
    environment: dict[str, str], name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for key, value in environment.items():
        monkeypatch.setenv(key, value)
    resource = Spans(SERVED, SimpleSpanProcessor(InMemorySpanExporter())).provider.resource
    assert resource.attributes["service.name"] == name


@pytest.mark.parametrize(
    ("environment", "words"),
    [
        ({}, ""),
        ({ENDPOINT: ""}, ""),
        ({ENDPOINT: "http://127.0.0.1:9", "OTEL_SDK_DISABLED": "true"}, ""),
        ({ENDPOINT: "http://127.0.0.1:9", "OTEL_TRACES_EXPORTER": "none"}, ""),
        (
            {ENDPOINT: "http://127.0.0.1:9", "OTEL_TRACES_EXPORTER": "zipkin, console"},
            "is console, zipkin, and only otlp",
        ),
        ({ENDPOINT: "http://127.0.0.1:9", "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}, "only http/protobuf is spoken here"),
        ({ENDPOINT: "http://127.0.0.1:9", "OTEL_BSP_MAX_QUEUE_SIZE": "1"}, "no traces: "),
    ],
)
def test_no_traces(
    environment: dict[str, str], words: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    for key, value in environment.items():
        monkeypatch.setenv(key, value)
    assert isinstance(open_tracing(SERVED, Lifecycle(None)), NoTracing)
    assert words in caplog.text
    assert bool(caplog.text) is bool(words)


@pytest.mark.parametrize("exporters", ["", "otlp", " otlp ", "console,otlp", "otlp,"])
def test_otlp_may_be_one_of_several_exporters(exporters: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(ENDPOINT, "http://127.0.0.1:9")
    monkeypatch.setenv("OTEL_TRACES_EXPORTER", exporters)
    tracing = open_tracing(SERVED, Lifecycle(None))
    assert isinstance(tracing, Spans)
    tracing.provider.shutdown()


def test_where_opentelemetry_is_missing_one_line_says_so(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv(ENDPOINT, "http://127.0.0.1:9")
    monkeypatch.delitem(sys.modules, "handler.spans")
    monkeypatch.setitem(sys.modules, "opentelemetry", None)
    assert isinstance(open_tracing(SERVED, Lifecycle(None)), NoTracing)
    (record,) = caplog.records
    assert "no traces: install opentelemetry-sdk" in record.getMessage()


def test_without_a_collector_nothing_of_opentelemetry_is_imported(tiny_model: Path) -> None:
    code = worker(tiny_model) + "print(*(name for name in sys.modules if name.startswith('opentelemetry')))"
    command = [sys.executable, "-W", "ignore", "-c", code]
    result = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tiny_model)
    assert (result.returncode, result.stdout.strip()) == (0, ""), result.stderr
