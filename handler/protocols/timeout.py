"""How long a client waits: `X-Request-Timeout`, counted from when its request arrived.

The gateway, or another proxy, writes the arrival into `X-Request-Start`. Without it, the time counts from when the
worker gets the request.
"""

import math
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from handler.errors import DEADLINE_EXCEEDED, INVALID_PARAMETER, RequestError
from handler.protocols.parameters import shown
from handler.timeline import seconds_since_1970

TIMEOUT = re.compile(r"[0-9]{1,9}(\.[0-9]{0,9})?|\.[0-9]{1,9}")  # s
# The gateway has the same sentence.
DETAIL = "the time in X-Request-Timeout is over: send the image again later, or wait longer for it"


@dataclass(frozen=True)
class Deadline:
    """When a client stops waiting for its response.

    Args:
        at: by time.monotonic(); infinite for a client that does not say.
        timeout: seconds that it waits in all.
    """

    at: float = math.inf
    timeout: float = math.inf

    def is_missed(self, expected: float = 0.0) -> bool:
        """Say whether a response would come too late.

        Args:
            expected: seconds that the response will still take. They count up to half of the timeout, so that a wrong
                estimate does not refuse every request.
        """
        return time.monotonic() + min(expected, self.timeout / 2) >= self.at

    def check(self, expected: float = 0.0) -> None:
        """Refuse a request whose response would come too late.

        Args:
            expected: seconds that the response will still take, as above.

        Raises:
            RequestError: deadline-exceeded.
        """
        if self.is_missed(expected):
            raise RequestError(DEADLINE_EXCEEDED, DETAIL)


NO_DEADLINE = Deadline()


def deadline_of(headers: Mapping[str, Any]) -> Deadline:
    """Return when the client of a request that has just come stops waiting.

    Args:
        headers: in any case; TorchServe mixes the form fields' own headers (dicts) into them.

    Raises:
        RequestError: invalid-parameter.
    """
    found = {name.lower(): value for name, value in headers.items() if isinstance(value, str)}
    value = found.get("x-request-timeout")
    if value is None:
        return NO_DEADLINE
    seconds = float(value) if TIMEOUT.fullmatch(value.strip()) else 0.0
    if not seconds:
        raise RequestError(INVALID_PARAMETER, f"X-Request-Timeout is {shown(value)}: send seconds, such as 1.5")
    return Deadline(time.monotonic() + seconds - _waited(found.get("x-request-start", "")), seconds)


def _waited(start: str) -> float:
    """Return the seconds since a request arrived; 0 where no proxy says so, or one with another clock than this one."""
    since_1970 = seconds_since_1970(start)
    return 0.0 if since_1970 is None else max(0.0, time.time() - since_1970)
