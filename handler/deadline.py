"""A limit on the time that a piece of work may take, also where it is deep in a library's loop.

Pillow reads headers in Python, and a hostile file can keep it there: 13 MB of EXIF segments took a minute.
"""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager

REPEAT = 0.1  # s until the alarm rings again, should a library have swallowed the first


class TooSlow(BaseException):
    """The time is over; no Exception, so that no library takes it for one of its own."""


@contextmanager
def deadline(seconds: float) -> Iterator[None]:
    """Raise TooSlow in the body once it has taken this long.

    Only the main thread can be interrupted, which is the one that TorchServe calls a handler in; in another thread
    there is no limit.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def ring(_signal: int, _frame: object) -> None:
        raise TooSlow

    previous = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, seconds, REPEAT)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, previous)
