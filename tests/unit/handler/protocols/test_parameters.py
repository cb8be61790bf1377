"""top_k and threshold out of range, from a header or from JSON."""

from typing import Any

import pytest

from handler import errors
from handler.errors import RequestError
from handler.protocols.parameters import threshold_of, top_k_of


@pytest.mark.parametrize("value", ["0", "11", "-1", "+3", "1_0", "1.5", "x", "", "9" * 5000, "NaN"])
def test_top_k_in_a_header(value: str) -> None:
    with pytest.raises(RequestError, match="whole number from 1 to 10") as caught:
        top_k_of(value, classes=10)
    assert caught.value.problem is errors.INVALID_PARAMETER


@pytest.mark.parametrize("value", [0, 11, 1.5, True, "x", [1], {"a": 1}, float("nan"), 10**400])
def test_top_k_in_json(value: Any) -> None:
    with pytest.raises(RequestError, match="top_k is") as caught:
        top_k_of(value, classes=10)
    assert caught.value.problem is errors.INVALID_PARAMETER


@pytest.mark.parametrize("value", ["-0.1", "1.1", "nan", "inf", "x", "0_1", "", True, [0.5], 10**400])
def test_threshold(value: Any) -> None:
    with pytest.raises(RequestError, match="a number from 0 to 1") as caught:
        threshold_of(value)
    assert caught.value.problem is errors.INVALID_PARAMETER
