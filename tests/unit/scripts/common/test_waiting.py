"""Waiting for a condition."""

import time
from itertools import count

from scripts.common.waiting import wait_until


def test_returns_the_first_true_value() -> None:
    values = iter([0, "", "found", "later"])
    assert wait_until(lambda: next(values), timeout=10, poll=0) == "found"


def test_returns_the_last_value_after_the_timeout() -> None:
    start = time.monotonic()
    assert wait_until(lambda: [], timeout=0.05, poll=0.01) == []
    assert 0.05 <= time.monotonic() - start < 5


def test_checks_again_at_the_end_of_a_long_poll() -> None:
    values = iter([False, True])
    assert wait_until(lambda: next(values), timeout=0.01, poll=60)


def test_checks_once_with_a_timeout_of_zero() -> None:
    assert wait_until(lambda: True, timeout=0)


def test_done_replaces_the_truth_of_a_value() -> None:
    numbers = count()
    assert wait_until(lambda: next(numbers), timeout=10, poll=0, done=lambda number: number == 3) == 3
