"""The spans of requests, in this process; tests/integration/test_tracing.py exports them from a real server."""

import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode

from handler.classifier import ImageClassifier
from handler.lifecycle import Lifecycle
from handler.protocols.encoding import ModelName
from handler.spans import Spans
from handler.timeline import NOT_LOGGED
from handler.tracing import NoTracing, open_tracing
from tests.unit.handler.batches import PHOTO, handled
from tests.unit.handler.test_imports import worker

TRACE, CLIENT, GATEWAY = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7", "0123456789abcdef"
SERVED = ModelName("tiny-resnet", "1.0")
ENDPOINT = "OTEL_EXPORTER_OTLP_ENDPOINT"


@pytest.fixture
def exporter(classifier: ImageClassifier) -> InMemorySpanExporter:
    """Gets the classifier's spans."""
    exporter = InMemorySpanExporter()
    classifier.tracing = Spans(SERVED, SimpleSpanProcessor(exporter))
    return exporter


class Failing(SpanProcessor):
    """Fails."""

    def on_end(self, span: ReadableSpan) -> None:
        raise RuntimeError("full")


def gateway(trace: str = TRACE, parent: str = "none", flags: str = "00", **others: str) -> dict[str, str]:
    """Return the headers that the gateway sends."""
    now = time.time()
    return {
        "X-Request-Start": f"t={now - 0.3:.3f}",
        "X-Request-Forwarded": f"t={now - 0.1:.3f}",
        "X-Request-Parent": parent,
        "traceparent": f"00-{trace}-{GATEWAY}-{flags}",
        **others,
    }


def by_name(exporter: InMemorySpanExporter) -> dict[str, ReadableSpan]:
    return {span.name: span for span in exporter.get_finished_spans()}


def span_id(span: ReadableSpan) -> str:
    assert span.context
    return f"{span.context.span_id:016x}"


def parent_id(span: ReadableSpan) -> str | None:
    return f"{span.parent.span_id:016x}" if span.parent else None


def test_a_trace_that_the_gateway_began(classifier: ImageClassifier, context: Any, exporter: Any) -> None:
    handled(classifier, context, ({"body": PHOTO}, gateway(**{"X-Request-Id": "mine-1"})))
    spans = by_name(exporter)
    predict = spans.pop("predict tiny-resnet")
    assert predict.context
    assert (f"{predict.context.trace_id:032x}", span_id(predict), parent_id(predict)) == (TRACE, GATEWAY, None)
    assert predict.kind is SpanKind.SERVER
    assert predict.attributes == {
        "classifier.model.name": "tiny-resnet",
        "classifier.model.version": "1.0",
        "classifier.request.id": "mine-1",
        "classifier.request.images": 1,
        "http.response.status_code": 200,
    }
    preprocess = span_id(spans["preprocess"])
    assert {name: parent_id(span) for name, span in spans.items()} == {
        "gateway": GATEWAY,
        "queue": GATEWAY,
        "preprocess": GATEWAY,
        "decode": preprocess,
        "transform": preprocess,
        "inference": GATEWAY,
        "postprocess": GATEWAY,
    }


def test_spans_follow_each_other_within_the_requests(classifier: ImageClassifier, context: Any, exporter: Any) -> None:
    began = time.time_ns()
    handled(classifier, context, ({"body": PHOTO}, gateway()))
    spans = by_name(exporter)
    predict = spans["predict tiny-resnet"]
    order = ("gateway", "queue", "preprocess", "inference", "postprocess")
    times = [time for name in order for time in (spans[name].start_time, spans[name].end_time)]
    assert times == sorted(times)  # type: ignore[type-var]
    assert (predict.start_time, predict.end_time) == (times[0], times[-1])
    assert predict.start_time == pytest.approx(began - 3e8, abs=2e7)
    assert spans["queue"].end_time == pytest.approx(began, abs=2e7)
    assert spans["preprocess"].start_time <= spans["decode"].start_time <= spans["transform"].end_time  # type: ignore[operator]


@pytest.mark.parametrize(("flags", "sampled"), [("01", True), ("00", False)])
def test_the_clients_decision_is_followed(
    classifier: ImageClassifier, context: Any, exporter: Any, flags: str, sampled: bool
) -> None:
    handled(classifier, context, ({"body": PHOTO}, gateway(parent=CLIENT, flags=flags, tracestate="vendor=1")))
    assert bool(exporter.get_finished_spans()) is sampled
    assert ("traceresponse" in context.get_response_headers(0)) is sampled
    if sampled:
        predict = by_name(exporter)["predict tiny-resnet"]
        assert (span_id(predict), parent_id(predict)) == (GATEWAY, CLIENT)
        assert predict.context
        assert predict.context.trace_state.to_header() == "vendor=1"
        assert context.get_response_headers(0)["traceresponse"] == f"00-{TRACE}-{GATEWAY}-01"


def test_without_the_gateway_the_sender_is_the_parent(classifier: ImageClassifier, context: Any, exporter: Any) -> None:
    handled(classifier, context, ({"body": PHOTO}, {"traceparent": f"00-{TRACE}-{CLIENT}-01"}))
    spans = by_name(exporter)
    predict = spans["predict tiny-resnet"]
    assert predict.context
    assert (f"{predict.context.trace_id:032x}", parent_id(predict)) == (TRACE, CLIENT)
    assert span_id(predict) not in (CLIENT, GATEWAY)
    assert not {"gateway", "queue"} & set(spans)


def test_a_request_without_a_trace_begins_one(
    classifier: ImageClassifier, context: Any, exporter: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    handled(classifier, context, ({"body": PHOTO}, {"traceparent": "invalid"}))
    predict = by_name(exporter)["predict tiny-resnet"]
    assert predict.context
    assert predict.parent is None
    assert f'"trace_id":"{predict.context.trace_id:032x}","span_id":"{span_id(predict)}"' in capsys.readouterr().out


def test_batch_mates_are_linked(classifier: ImageClassifier, context: Any, exporter: Any) -> None:
    traces = [f"{number:032x}" for number in range(1, 4)]
    bodies = (PHOTO, b"text", PHOTO)
    handled(
        classifier, context, *(({"body": body}, gateway(trace)) for body, trace in zip(bodies, traces, strict=True))
    )
    first, third = (span for span in exporter.get_finished_spans() if span.name == "inference")
    assert [link.context for link in first.links] == [third.context]
    assert [link.context for link in third.links] == [first.context]
    assert first.attributes == {"classifier.batch.images": 2}


def test_a_request_that_its_client_must_change(classifier: ImageClassifier, context: Any, exporter: Any) -> None:
    handled(classifier, context, ({"body": b"text"}, gateway()))
    spans = by_name(exporter)
    predict, preprocess = spans["predict tiny-resnet"], spans["preprocess"]
    assert predict.attributes
    assert preprocess.attributes
    assert predict.attributes["http.response.status_code"] == 415
    assert predict.attributes["error.type"] == preprocess.attributes["error.type"] == "unsupported-format"
    assert (predict.status.status_code, preprocess.status.status_code) == (StatusCode.UNSET, StatusCode.ERROR)
    assert preprocess.status.description == "unsupported-format"


def test_a_fault_of_the_server(
    classifier: ImageClassifier, context: Any, exporter: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_images: object) -> None:
        raise TypeError("a fault")

    monkeypatch.setattr(classifier.model, "scores", fail)
    handled(classifier, context, ({"body": PHOTO}, gateway()))
    spans = by_name(exporter)
    for name in ("predict tiny-resnet", "inference"):
        assert (spans[name].status.status_code, spans[name].status.description) == (StatusCode.ERROR, "internal-error")


def test_the_servers_own_checks_are_not_recorded(classifier: ImageClassifier, context: Any, exporter: Any) -> None:
    handled(classifier, context, ({"body": PHOTO}, NOT_LOGGED))
    assert exporter.get_finished_spans() == ()


def test_spans_that_fail_harm_no_response(
    classifier: ImageClassifier, context: Any, caplog: pytest.LogCaptureFixture
) -> None:
    classifier.tracing = Spans(SERVED, Failing())
    ((status, _, _),) = handled(classifier, context, ({"body": PHOTO}, gateway()))
    assert status == 200
    assert "spans are lost" in caplog.text


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
