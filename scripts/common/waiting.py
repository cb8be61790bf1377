"""Waiting for a condition, for the commands and for the tests."""

import time
from collections.abc import Callable
from typing import TypeVar

Value = TypeVar("Value")


def wait_until(
    condition: Callable[[], Value], timeout: float, poll: float = 0.1, done: Callable[[Value], object] = bool
) -> Value:
    """Call `condition` until its value is true or the time is over, and return the last value.

    Like `threading.Condition.wait_for`, it returns a false value after the timeout: check it.

    Args:
        condition: what to look at.
        timeout: seconds to wait at most; the condition is called at least once.
        poll: seconds between two calls.
        done: tells whether a value is the one that was waited for, where that is not its truth.
    """
    deadline = time.monotonic() + timeout
    while not done(value := condition()) and (left := deadline - time.monotonic()) > 0:
        time.sleep(min(poll, left))
    return value
