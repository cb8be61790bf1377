"""SIGTERM, and the hang-up of a closed terminal, end a command in order, as Ctrl-C does."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def stopping_on_signals() -> Iterator[None]:
    """Make SIGTERM and SIGHUP end this process in order, and not between two instructions.

    A SIGHUP that is ignored stays so: whoever said `nohup` means it.
    """

    def interrupt(_signal: int, _frame: object) -> None:
        raise KeyboardInterrupt

    heeded = [number for number in (signal.SIGTERM, signal.SIGHUP) if signal.getsignal(number) != signal.SIG_IGN]
    previous = {number: signal.signal(number, interrupt) for number in heeded}
    try:
        yield
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
