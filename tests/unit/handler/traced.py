"""Requests with the headers of a trace."""

import time

from handler.protocols.encoding import ModelName

TRACE, CLIENT, GATEWAY = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7", "0123456789abcdef"

SERVED = ModelName("tiny-resnet", "1.0")


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
