"""Work that takes too long is interrupted wherever it is, and leaves no alarm behind."""

import signal
import threading
import time

import pytest

from handler.decode.deadline import DeadlineExceeded, TimeBudget, call_within
from handler.decode.image import decode_image
from handler.errors import TOO_MUCH_WORK, RequestError
from tests.conftest import encoded, picture


def test_a_loop_is_interrupted_even_if_it_swallows_the_first_alarm() -> None:
    start, swallowed = time.monotonic(), 0

    def stubborn() -> None:
        nonlocal swallowed
        while True:
            try:
                sum(range(1000))
            except DeadlineExceeded:
                swallowed += 1
                if swallowed == 2:
                    raise

    with pytest.raises(DeadlineExceeded):
        call_within(0.05, stubborn)
    assert time.monotonic() - start < 5


def test_a_hostile_header_is_interrupted() -> None:
    """Pillow takes a time that grows with the square of the number of these segments: minutes for this file."""
    data = encoded(picture(8, 8), "JPEG")[:2] + (b"\xff\xe1\x00\x12Exif\0\0" + bytes(10)) * 1_000_000
    start = time.monotonic()
    with pytest.raises(DeadlineExceeded):
        call_within(0.3, lambda: decode_image(data, 1_000_000))
    assert time.monotonic() - start < 10


def test_no_alarm_is_left_behind() -> None:
    before = signal.getsignal(signal.SIGALRM)
    assert call_within(60, lambda: 1) == 1
    assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)
    assert signal.getsignal(signal.SIGALRM) is before


def test_another_thread_has_no_limit() -> None:
    done: list[bool] = []

    def work() -> None:
        call_within(0.01, lambda: time.sleep(0.05))
        done.append(True)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert done == [True]


def test_a_request_has_one_budget_of_time() -> None:
    """A JPEG that simplejpeg refuses does not get the time for reading its header again."""
    budget = TimeBudget(4.0)
    budget.spent = 100.0
    with pytest.raises(RequestError, match=r"more than 4\.0 s") as caught:
        budget.run(lambda: time.sleep(5))
    assert caught.value.problem is TOO_MUCH_WORK
    assert 100.05 < budget.spent < 104
