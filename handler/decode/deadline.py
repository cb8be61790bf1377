"""A limit on the time that work on a request may take, also where it is deep in a library's loop.

Pillow reads headers in Python, and a hostile file can keep it there: 13 MB of EXIF segments took a minute.
"""

import signal
import threading
import time
from collections.abc import Callable
from typing import TypeVar

from handler.errors import TOO_MUCH_WORK, RequestError

T = TypeVar("T")

REPEAT = 0.1  # s until the alarm rings again, should a library have swallowed the first
GRACE_PERIOD = 0.1  # s that a request which has used up its time still gets for what is left to do


class DeadlineExceeded(BaseException):
    """The time is over."""


def call_within(seconds: float, function: Callable[[], T]) -> T:
    """Call a function, and raise DeadlineExceeded in it once it has taken this long.

    Only the main thread can be interrupted, which is the one that TorchServe calls a handler in; in another thread
    there is no limit.
    """
    if threading.current_thread() is not threading.main_thread():
        return function()

    def ring(_signal: int, _frame: object) -> None:
        raise DeadlineExceeded

    previous = signal.signal(signal.SIGALRM, ring)
    try:
        try:
            signal.setitimer(signal.ITIMER_REAL, seconds, REPEAT)
            return function()
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
    finally:  # where the alarm rang just before the timer was stopped, it would ring again
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, previous)


class TimeBudget:
    """The seconds that the main thread may work on the images of one request, in as many parts as it takes.

    Args:
        seconds: the limit.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self.spent = 0.0

    def run(self, function: Callable[[], T]) -> T:
        """Call a function and count its time.

        Raises:
            RequestError: too-much-work, once the budget is used up.
        """
        start = time.monotonic()
        try:
            return call_within(max(GRACE_PERIOD, self._seconds - self.spent), function)
        except DeadlineExceeded:
            raise RequestError(
                TOO_MUCH_WORK,
                f"decoding took more than {self._seconds} s: send smaller or fewer images, "
                "or save the image anew if it is a small one",
            ) from None
        finally:
            self.spent += time.monotonic() - start
