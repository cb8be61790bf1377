"""OpenTelemetry's traces, where OTEL_EXPORTER_OTLP_ENDPOINT (or its TRACES variant) names a collector.

Elsewhere nothing of OpenTelemetry is imported, and a batch costs one call that does nothing.
"""

import logging
import os
from collections.abc import Sequence
from typing import Any, Protocol

from handler.lifecycle import Lifecycle
from handler.protocols.encoding import ModelName
from handler.timeline import Timeline

ENDPOINTS = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")  # environment variables
PROTOCOLS = ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL")
OTLP_OVER_HTTP = "http/protobuf"
EXPORTERS, OTLP = "OTEL_TRACES_EXPORTER", "otlp"  # a list, with commas between

logger = logging.getLogger(__name__)


class Tracing(Protocol):
    """Records the spans of requests."""

    def record(self, batch: Sequence[Timeline], context: Any) -> None:
        """Record a batch's requests, once all have a response, and tell each timeline and response its trace."""


class NoTracing:
    """Records nothing."""

    def record(self, batch: Sequence[Timeline], context: Any) -> None:
        """Do nothing."""


def open_tracing(served: ModelName, lifecycle: Lifecycle) -> Tracing:
    """Return what records the requests of a model, as the environment says.

    Args:
        served: the model.
        lifecycle: says when the server stops, so that the last spans are sent before.
    """
    if not wanted():
        return NoTracing()
    exporters = {name.strip() for name in os.environ.get(EXPORTERS, "").split(",")} - {""}
    if exporters and OTLP not in exporters:
        logger.warning("no traces: %s is %s, and only %s is there", EXPORTERS, ", ".join(sorted(exporters)), OTLP)
        return NoTracing()
    protocol = next(filter(None, map(os.environ.get, PROTOCOLS)), OTLP_OVER_HTTP)
    if protocol != OTLP_OVER_HTTP:
        logger.warning("no traces: the protocol of OTLP is %s, and only %s is spoken here", protocol, OTLP_OVER_HTTP)
        return NoTracing()
    try:
        from handler.spans import Spans  # noqa: PLC0415 - without a collector, nothing of OpenTelemetry is imported

        return Spans.exported(served, lifecycle)
    except ImportError as error:
        logger.warning("no traces: install opentelemetry-sdk and opentelemetry-exporter-otlp-proto-http (%s)", error)
    except Exception as error:  # noqa: BLE001 - a wrong OTEL_ setting: serving comes first
        logger.warning("no traces: %s", error)
    return NoTracing()


def wanted() -> bool:
    """Whether the environment names a collector, and turns traces off in none of OpenTelemetry's ways."""
    return (
        any(os.environ.get(name) for name in ENDPOINTS)
        and os.environ.get("OTEL_SDK_DISABLED", "").strip().lower() != "true"
        and os.environ.get(EXPORTERS, "").strip() != "none"
    )
