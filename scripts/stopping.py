"""SIGTERM ends a command in order, as Ctrl-C does."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def stopping_on_sigterm() -> Iterator[None]:
    """Make SIGTERM end this process in order, as Ctrl-C does, and not between two instructions."""

    def interrupt(_signal: int, _frame: object) -> None:
        raise KeyboardInterrupt

    previous = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, previous)
