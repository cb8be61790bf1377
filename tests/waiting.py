"""Tests wait for a condition, never for a time."""

from collections.abc import Callable
from typing import TypeVar

from scripts.common.waiting import wait_until

Found = TypeVar("Found")


def wait_for(what: str, find: Callable[[], Found | None], timeout: float = 120.0) -> Found:
    """Return what `find` finds as soon as it finds something; fail after the timeout."""
    found = wait_until(find, timeout)
    assert found, f"{what}: not within {timeout:.0f} s"
    return found
