"""What is read from the gateway's counters."""

import pytest

from scripts.canary import Seen

BUCKETS = {0.1: 40, 0.25: 80, 0.5: 98, float("inf"): 100}


def test_quantiles_are_read_from_the_buckets_as_prometheus_does() -> None:
    seen = Seen({"200": 100}, 20.0, BUCKETS)
    assert seen.quantile(0.5) == pytest.approx(0.1 + 0.15 * 10 / 40)
    assert seen.quantile(0.95) == pytest.approx(0.25 + 0.25 * 15 / 18)
    assert seen.quantile(0.2) == pytest.approx(0.05)
    assert seen.quantile(0.99) == 0.5  # above the last bound nobody knows
    assert Seen().quantile(0.5) == 0.0


def test_only_the_servers_own_failures_are_errors() -> None:
    seen = Seen({"200": 95, "415": 3, "500": 1, "503": 1}, 20.0, BUCKETS)
    assert (seen.requests, seen.errors, seen.error_ratio) == (100, 2, 0.02)
    assert str(seen).startswith("100 requests, 2 errors (2.0%), 3 refused, mean 0.200 s, p50 ")
    assert Seen().error_ratio == 0.0
    assert str(Seen()) == "no requests"


def test_what_was_counted_before_is_taken_off() -> None:
    earlier = Seen({"200": 10}, 1.0, {0.1: 5, float("inf"): 10})
    later = Seen({"200": 15, "500": 2}, 4.0, {0.1: 7, float("inf"): 17})
    assert later.since(earlier) == Seen({"200": 5, "500": 2}, 3.0, {0.1: 2, float("inf"): 7})
