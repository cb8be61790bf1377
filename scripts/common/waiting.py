"""Waiting for a condition, in commands and tests."""

import time
from collections.abc import Callable
from typing import TypeVar

Value = TypeVar("Value")


def wait_until(
    condition: Callable[[], Value], timeout: float, poll: float = 0.1, done: Callable[[Value], object] = bool
) -> Value:
    """Call `condition` until its value is true or the time is up, and return the last value.

    Like `threading.Condition.wait_for`, it returns a false value after the timeout: check it.

    Args:
        condition: the function to call.
        timeout: seconds; the condition is called at least once.
        poll: seconds between two calls.
        done: decides whether to stop at a value, if its truth does not.
    """
    deadline = time.monotonic() + timeout
    while not done(value := condition()) and (left := deadline - time.monotonic()) > 0:
        time.sleep(min(poll, left))
    return value
