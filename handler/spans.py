"""The spans of a request, made once it has a response; imported only where they are exported.

A request is one span, with those of its stages below it. Behind the gateway it is the gateway's span, with the id that
the gateway has passed on and logged, and begins when the request arrived there. It ends with the worker's part.
"""

import logging
import os
import threading
import time
from collections.abc import Sequence
from typing import Any

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import SERVICE_NAME, Resource
from opentelemetry.sdk.trace import SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.id_generator import RandomIdGenerator
from opentelemetry.semconv.attributes.error_attributes import ERROR_TYPE
from opentelemetry.semconv.attributes.http_attributes import HTTP_RESPONSE_STATUS_CODE
from opentelemetry.trace import NonRecordingSpan, Span, SpanContext, SpanKind, StatusCode, TraceFlags, TraceState

from handler.lifecycle import Lifecycle
from handler.protocols.encoding import ModelName
from handler.timeline import SPAN_ID, Interval, Timeline, TraceParent

logger = logging.getLogger(__name__)

DEFAULT_SERVICE = "image-classifier-server"
POLL = 0.1  # s between two looks whether the server stops; it takes seconds from then on


class Spans:
    """Makes spans.

    Args:
        served: the model that responds.
        processor: gets the spans of sampled requests; the environment chooses the sampler, as OpenTelemetry says.
    """

    def __init__(self, served: ModelName, processor: SpanProcessor) -> None:
        self._served, self._ids = served, _GivenIds()
        # What OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES set counts.
        defaults = Resource({SERVICE_NAME: DEFAULT_SERVICE, "process.pid": os.getpid()})
        from_environment = {
            name: value for name, value in Resource.create().attributes.items() if not _made_up(name, value)
        }
        resource = defaults.merge(Resource(from_environment))
        self.provider = TracerProvider(resource=resource, id_generator=self._ids, shutdown_on_exit=False)
        self.provider.add_span_processor(processor)
        self._tracer = self.provider.get_tracer("handler")
        # No line for a client's invalid tracestate, which is dropped: a line of up to 8 KB for each such request.
        logging.getLogger("opentelemetry.trace.span").setLevel(logging.ERROR)

    @classmethod
    def exported(cls, served: ModelName, lifecycle: Lifecycle) -> "Spans":
        """Export over OTLP, from a thread of its own: a collector that is slow or gone only loses spans.

        Args:
            served: the model that responds.
            lifecycle: says when the server stops: what is not sent yet is sent then.
        """
        # A line for a lost export, and none for each try.
        logging.getLogger("opentelemetry.exporter").setLevel(logging.ERROR)
        spans = cls(served, BatchSpanProcessor(OTLPSpanExporter()))
        threading.Thread(target=spans._flush_at_stop, args=[lifecycle], name="last-spans", daemon=True).start()
        return spans

    def _flush_at_stop(self, lifecycle: Lifecycle) -> None:
        while not lifecycle.is_stopping():
            time.sleep(POLL)
        self.provider.force_flush()

    def record(self, batch: Sequence[Timeline], context: Any) -> None:
        """Record the sampled requests of a batch, and name their traces to their timelines and clients."""
        try:
            self._record(batch, context)
        except Exception:
            logger.exception("spans are lost")  # the responses are not

    def _record(self, batch: Sequence[Timeline], context: Any) -> None:
        to_1970 = time.time() - time.perf_counter()
        sampled = []
        for index, timeline in enumerate(batch):
            span = self._start(timeline, to_1970)
            if span.is_recording():
                own = span.get_span_context()
                timeline.recorded = TraceParent(f"{own.trace_id:032x}", f"{own.span_id:016x}", sampled=True)
                # W3C's draft of Trace Context Level 3 has this header.
                context.set_response_header(index, "traceresponse", timeline.recorded.to_header())
                sampled.append(_Sampled(self._tracer, timeline, span, to_1970))
        images = sum(timeline.images for timeline in batch)
        for each in sampled:
            each.infer(images)
        for each in sampled:
            each.end([mate.inference.get_span_context() for mate in sampled if mate.inference and mate is not each])

    def _start(self, timeline: Timeline, to_1970: float) -> Span:
        if timeline.hidden:
            return trace.INVALID_SPAN
        sender = timeline.sender
        parent: Context = Context()
        if sender:
            parent_id = sender.span_id
            if (before := timeline.headers.get("x-request-parent")) is not None:  # the gateway's span is this one
                self._ids.give(sender.trace_id, sender.span_id)
                parent_id = before if SPAN_ID.fullmatch(before) else ""
            if parent_id:
                parent = _remote(sender, parent_id, timeline.headers.get("tracestate", ""))
        return self._tracer.start_span(
            f"{timeline.asked} {self._served.name}",
            context=parent,
            kind=SpanKind.SERVER,
            attributes={
                "classifier.model.name": self._served.name,
                "classifier.model.version": self._served.version,
                "classifier.request.id": timeline.request_id,
                "classifier.request.images": timeline.images,
                HTTP_RESPONSE_STATUS_CODE: timeline.status,
            },
            start_time=_nanoseconds(timeline.before[0].start if timeline.before else timeline.began, to_1970),
        )


class _Sampled:
    """A sampled request's span, and those below it while they are made."""

    def __init__(self, tracer: trace.Tracer, timeline: Timeline, span: Span, to_1970: float) -> None:
        self._tracer, self._timeline, self._span, self._to_1970 = tracer, timeline, span, to_1970
        self._stages = list(timeline.stages())
        self.inference: Span | None = None

    def infer(self, images: int) -> None:
        """Start the span of the network's run, if it has run."""
        for stage in self._stages:
            if stage.stage == "inference":
                self.inference = self._child(stage, self._span)
                self.inference.set_attribute("classifier.batch.images", images)

    def end(self, mates: Sequence[SpanContext]) -> None:
        """Make the other spans, and end all.

        Args:
            mates: the runs of the network for other requests of the batch, which are one.
        """
        preprocess = next((each for each in self._stages if each.stage == "preprocess"), None)
        parent = self._child(preprocess, self._span) if preprocess else self._span
        for stage in self._stages:
            if stage is preprocess:
                span = parent
            elif stage.stage == "inference" and self.inference:
                span = self.inference
                for mate in mates:
                    span.add_link(mate)
            else:
                span = self._child(stage, parent if stage.stage in ("decode", "transform") else self._span)
            if stage.problem:
                span.set_attribute(ERROR_TYPE, stage.problem)
                span.set_status(StatusCode.ERROR, stage.problem)
            span.end(_nanoseconds(stage.end, self._to_1970))
        if self._timeline.problem:
            self._span.set_attribute(ERROR_TYPE, self._timeline.problem)
        if self._timeline.status >= 500:  # a server's span of a 4xx is no error, by the conventions for HTTP
            self._span.set_status(StatusCode.ERROR, self._timeline.problem)
        last = max([self._timeline.began, *(each.end for each in self._stages)])
        self._span.end(_nanoseconds(last, self._to_1970))

    def _child(self, stage: Interval, parent: Span) -> Span:
        return self._tracer.start_span(
            stage.stage,
            context=trace.set_span_in_context(parent, Context()),
            start_time=_nanoseconds(stage.start, self._to_1970),
        )


class _GivenIds(RandomIdGenerator):
    """Makes ids at random, but for a span that the gateway has named."""

    def __init__(self) -> None:
        self._trace_id, self._span_id = 0, 0

    def give(self, trace_id: str, span_id: str) -> None:
        """Use these for the next span; the trace's only if that has no parent."""
        self._trace_id, self._span_id = int(trace_id, 16), int(span_id, 16)

    def generate_trace_id(self) -> int:
        return self._trace_id or super().generate_trace_id()

    def generate_span_id(self) -> int:
        given, self._trace_id, self._span_id = self._span_id, 0, 0
        return given or super().generate_span_id()


def _remote(sender: TraceParent, span_id: str, state: str) -> Context:
    flags = TraceFlags(TraceFlags.SAMPLED if sender.sampled else TraceFlags.DEFAULT)
    states = TraceState.from_header([state]) if state else None
    remote = SpanContext(
        int(sender.trace_id, 16), int(span_id, 16), is_remote=True, trace_flags=flags, trace_state=states
    )
    return trace.set_span_in_context(NonRecordingSpan(remote), Context())


def _nanoseconds(counter: float, to_1970: float) -> int:
    return int((counter + to_1970) * 1e9)


def _made_up(name: str, value: Any) -> bool:
    """Whether an attribute is the SDK's own service name for programs that are given none."""
    return name == SERVICE_NAME and str(value).startswith("unknown_service")
