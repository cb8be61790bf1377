"""The spans of requests, in this process; tests/integration/test_tracing.py exports them from a real server."""

import time
from typing import Any

import pytest
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode

from handler.classifier import ImageClassifier
from handler.spans import Spans
from handler.timeline import NOT_LOGGED
from tests.unit.handler.batches import PHOTO, handled
from tests.unit.handler.traced import CLIENT, GATEWAY, SERVED, TRACE, gateway


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


@pytest.mark.parametrize("state", ["=", "A=1", "x" * 8000, "k=é", "a=1,a=2", ",".join(f"k{n}=1" for n in range(99))])
def test_an_invalid_tracestate_is_dropped_without_a_word(
    classifier: ImageClassifier, context: Any, exporter: Any, state: str, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level("WARNING"):
        handled(classifier, context, ({"body": PHOTO}, gateway(parent=CLIENT, flags="01", tracestate=state)))
    predict = by_name(exporter)["predict tiny-resnet"]
    assert predict.context
    assert not predict.context.trace_state
    assert "opentelemetry" not in {record.name.split(".")[0] for record in caplog.records}


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


def test_an_explanation(classifier: ImageClassifier, context: Any, exporter: Any) -> None:
    handled(classifier, context, ({"body": PHOTO}, gateway(explain="True")))  # as TorchServe marks it
    spans = by_name(exporter)
    assert "inference" not in spans
    assert spans["explanation"].parent == spans["explain tiny-resnet"].context


def test_a_page(classifier: ImageClassifier, context: Any, exporter: Any) -> None:
    handled(classifier, context, ({}, gateway(accept="text/html")))
    assert by_name(exporter).keys() == {"page tiny-resnet", "gateway", "queue", "preprocess"}


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
