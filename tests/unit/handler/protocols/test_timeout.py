"""`X-Request-Timeout` and `X-Request-Start`: when a client stops waiting."""

import math
import time
from typing import Any

import pytest

from handler.errors import DEADLINE_EXCEEDED, INVALID_PARAMETER, RequestError
from handler.protocols.timeout import Deadline, deadline_of


def waits(timeout: str, ago: float | None = None, form: str = "t={:.3f}", unit: float = 1.0) -> Deadline:
    """Return the deadline of a request that came so many seconds ago."""
    start = {} if ago is None else {"X-Request-Start": form.format((time.time() - ago) * unit)}
    return deadline_of({"X-Request-Timeout": timeout, **start})


def is_over(deadline: Deadline, expected: float = 0.0) -> bool:
    try:
        deadline.check(expected)
    except RequestError as error:
        return error.problem is DEADLINE_EXCEEDED
    return False


def test_a_client_that_does_not_say_waits_for_ever() -> None:
    deadline = deadline_of({"X-Request-Start": "t=1000000000.000", "X-Top-K": "1"})
    assert deadline.at == math.inf
    assert not is_over(deadline, expected=1e9)


@pytest.mark.parametrize("timeout", ["30", "30.5", "30.", "0.0001", ".5", " 30 ", "999999999", "000030"])
def test_decimals(timeout: str) -> None:
    assert waits(timeout).timeout == float(timeout)


@pytest.mark.parametrize(
    "timeout",
    ["", " ", "0", "0.0", "-1", "+1", "1e3", "inf", "nan", "1_0", "0x10", "1,5", "1s", "500m", "٣", "9" * 10, "1.5.1"],
)
def test_anything_else_is_invalid(timeout: str) -> None:
    with pytest.raises(RequestError, match=r"send seconds, such as 1\.5") as refused:
        waits(timeout)
    assert refused.value.problem is INVALID_PARAMETER


@pytest.mark.parametrize(
    ("form", "unit"),
    [
        ("t={:.3f}", 1),  # nginx
        ("{:.3f}", 1),
        ("t={:.0f}", 1e3),
        ("{:.0f}", 1e3),  # Heroku
        ("t={:.0f}", 1e6),  # Apache
        ("{:.0f}", 1e6),
    ],
)
def test_the_time_counts_from_the_proxys_stamp(form: str, unit: float) -> None:
    assert is_over(waits("20", ago=30, form=form, unit=unit))
    assert not is_over(waits("40", ago=30, form=form, unit=unit))


@pytest.mark.parametrize("ago", [3700, 1e6, 20 * 365 * 86_400])
def test_a_stamp_that_no_queue_explains_counts_as_none(ago: float) -> None:
    assert not is_over(waits("20", ago=ago))
    assert is_over(waits("20", ago=3500))


@pytest.mark.parametrize("ahead", [0.5, 30, 1e6, 100 * 365 * 86_400])
def test_a_stamp_of_the_future_counts_as_now(ahead: float) -> None:
    deadline = waits("20", ago=-ahead)
    assert not is_over(deadline)
    assert deadline.at <= time.monotonic() + 20


@pytest.mark.parametrize("stamp", ["", "t=", "yesterday", "t=-1000000000", "1", "t=nan", "9" * 400, "t=1e9"])
def test_a_stamp_that_is_no_time_is_ignored(stamp: str) -> None:
    assert not is_over(deadline_of({"X-Request-Timeout": "20", "X-Request-Start": stamp}))


def test_header_names_have_any_case() -> None:
    assert is_over(deadline_of({"x-request-timeout": "20", "X-REQUEST-START": f"t={time.time() - 30}"}))


def test_the_headers_of_a_forms_fields_are_no_timeout() -> None:
    """TorchServe mixes them, as dicts, into those of the request."""
    headers: dict[str, Any] = {"X-Request-Timeout": {"Content-Type": "text/plain"}}
    assert deadline_of(headers).at == math.inf


def test_a_response_that_would_come_too_late_is_refused() -> None:
    deadline = waits("20", ago=15)
    assert not is_over(deadline, expected=1)
    assert is_over(deadline, expected=6)


def test_a_request_that_has_half_its_time_left_is_tried_whatever_is_expected() -> None:
    assert not is_over(waits("20", ago=9), expected=1e9)
    assert is_over(waits("20", ago=11), expected=1e9)
