"""Progress of long work: a bar on a terminal, plain lines otherwise."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn


class Advance(Protocol):
    """Reports progress."""

    def __call__(self, done: float, note: str = "") -> None:
        """Show that `done` of the total is done, and print a note about it."""


@contextmanager
def progress(description: str, total: float) -> Iterator[Advance]:
    """Show work on stderr while the body runs.

    Args:
        description: of the work.
        total: the amount of work, in any unit.

    Yields:
        A function that the body calls with the amount done so far.
    """
    console = Console(stderr=True)
    if not console.is_terminal:
        yield _lines(description, total)
        return
    columns = (TextColumn("{task.description}", markup=False), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, TimeRemainingColumn(), console=console, transient=True) as bars:
        task = bars.add_task(description, total=total)

        def advance(done: float, note: str = "") -> None:
            bars.update(task, completed=done)
            if note:
                bars.console.print(note, highlight=False, markup=False)

        yield advance


def _lines(description: str, total: float) -> Advance:
    """Return an Advance that prints the notes, or a line per tenth of the work if there are none."""
    shown = 0

    def advance(done: float, note: str = "") -> None:
        nonlocal shown
        tenth = int(10 * done / total)
        if note:
            print(note, file=sys.stderr, flush=True)
        elif tenth > shown:
            print(f"{description}: {10 * tenth} %", file=sys.stderr, flush=True)
        shown = tenth

    return advance
