"""A collector of OpenTelemetry's traces over HTTP, in a thread of a test's own."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from scripts.common.http_server import serving


def attributes_of(holder: Any) -> dict[str, Any]:
    """Return the attributes of a span or a resource."""
    return {pair.key: getattr(pair.value, pair.value.WhichOneof("value")) for pair in holder.attributes}


@dataclass
class Collector:
    """What has been exported.

    Args:
        url: what OTEL_EXPORTER_OTLP_ENDPOINT names.
        spans: all spans.
        resources: the attributes of the resource of each export.
        headers: the headers of each export.
        hold: exports wait until it is set.
    """

    url: str = ""
    spans: list[Span] = field(default_factory=list)
    resources: list[dict[str, Any]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    hold: threading.Event = field(default_factory=threading.Event)

    def trace(self, trace_id: str) -> dict[str, Span]:
        """Return the spans of a trace by their names."""
        return {span.name: span for span in self.spans if span.trace_id.hex() == trace_id}


@contextmanager
def collecting() -> Iterator[Collector]:
    """Collect while the body runs."""
    collector = Collector()
    collector.hold.set()

    class Receiver(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            collector.hold.wait(60)
            if self.path != "/v1/traces" or self.headers["Content-Type"] != "application/x-protobuf":
                self.send_error(400)
                return
            collector.headers.append({name.lower(): value for name, value in self.headers.items()})
            for exported in ExportTraceServiceRequest.FromString(body).resource_spans:
                collector.resources.append(attributes_of(exported.resource))
                for scope in exported.scope_spans:
                    collector.spans.extend(scope.spans)
            response = ExportTraceServiceResponse().SerializeToString()
            self.send_response(200)
            self.send_header("Content-Type", "application/x-protobuf")
            self.send_header("Content-Length", str(len(response)))
            self.end_headers()
            self.wfile.write(response)

    with serving(Receiver) as url:
        collector.url = url
        try:
            yield collector
        finally:
            collector.hold.set()
