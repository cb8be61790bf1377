"""A limit on the time that work on a request may take, also where it is deep in a library's loop.

Pillow reads headers in Python, and a hostile file can keep it there: 13 MB of EXIF segments took a minute.
"""

import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from handler.errors import TOO_MUCH_WORK, RequestError

REPEAT = 0.1  # s until the alarm rings again, should a library have swallowed the first
GRACE_PERIOD = 0.1  # s that a request which has used up its time still gets for what is left to do


class DeadlineExceeded(BaseException):
    """The time is over."""


@contextmanager
def deadline(seconds: float) -> Iterator[None]:
    """Raise DeadlineExceeded in the body once it has taken this long.

    Only the main thread can be interrupted, which is the one that TorchServe calls a handler in; in another thread
    there is no limit.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def ring(_signal: int, _frame: object) -> None:
        raise DeadlineExceeded

    previous = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, seconds, REPEAT)
    try:
        yield
    finally:
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

    @contextmanager
    def spend(self) -> Iterator[None]:
        """Count the time of the body.

        Raises:
            RequestError: too-much-work, once the budget is used up.
        """
        start = time.monotonic()
        try:
            with deadline(max(GRACE_PERIOD, self._seconds - self.spent)):
                yield
        except DeadlineExceeded:
            raise RequestError(
                TOO_MUCH_WORK,
                f"decoding took more than {self._seconds} s: send smaller or fewer images, "
                "or save the image anew if it is a small one",
            ) from None
        finally:
            self.spent += time.monotonic() - start
