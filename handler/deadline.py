"""A limit on the work that decoding a request's images may take.

Pillow reads headers in Python, and a hostile file can keep it there: 13 MB of EXIF segments took a minute. Whatever it
does so, it reads byte after byte: whoever hands it `Watched` bytes stops it there.
"""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO

_thread = threading.local()


class TooSlow(BaseException):
    """The time is over; no Exception, so that no library takes it for one of its own."""


@contextmanager
def deadline(seconds: float) -> Iterator[None]:
    """Let `check` raise TooSlow in this thread once it has worked this long.

    It is the thread's CPU time that counts: a request is not to blame for what else the machine does.
    """
    _thread.end = time.thread_time() + seconds
    try:
        yield
    finally:
        del _thread.end


def check() -> None:
    """Raise TooSlow where this thread's deadline is over."""
    if time.thread_time() > getattr(_thread, "end", float("inf")):
        raise TooSlow


class Watched(BytesIO):
    """Bytes that look at the clock whenever they are read."""

    def read(self, size: int | None = -1, /) -> bytes:
        """See BytesIO; raises TooSlow."""
        check()
        return super().read(size)
