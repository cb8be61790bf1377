"""Waiting for a condition in tests."""

from collections.abc import Callable
from typing import TypeVar

from scripts.common.waiting import wait_until

Found = TypeVar("Found")


def wait_for(what: str, find: Callable[[], Found | None], timeout: float = 120.0) -> Found:
    """Call `find` until it returns a true value, and return that; fail after the timeout (seconds)."""
    found = wait_until(find, timeout)
    assert found, f"{what}: not within {timeout:.0f} s"
    return found
