"""The gateway's /metrics, rendered by its own njs modules."""

import json
import tempfile
from functools import cache
from pathlib import Path

from tests import njs

SCRIPT = Path(__file__).with_name("show_metrics.js")
STAND_INS = Path(__file__).parent.with_name("gateway") / "nginx.js"
TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
RECORDED = {"upstream_http_traceresponse": f"00-{TRACE}-00f067aa0ba902b7-01", "msec": "1795890000.250"}
KNOWN = {"model": "m", "version": "default", "upstream_header_time": "0.015"}
REQUESTS = [
    {"route": "predictions", "status": "200", "request_time": "0.020", **KNOWN, **RECORDED},
    {"route": "predictions", "status": "503", "request_time": "40.000", **KNOWN},
    {"route": "predictions", "status": "429", "request_time": "0.000"},
]


@cache
def metrics(accept: str = "text/plain") -> str:
    """Return /metrics after a success, an error, and a request that reached no model."""
    with tempfile.TemporaryDirectory() as folder:
        return njs.run(Path(folder), SCRIPT.name, json.dumps(REQUESTS), accept, beside=[SCRIPT, STAND_INS])
