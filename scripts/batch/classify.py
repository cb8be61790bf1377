"""Classifies many images, with progress: rows go into a table, or onto stdout."""

import os
import sys
import time
from collections import Counter
from collections.abc import Callable, Generator, Iterable, Sequence
from contextlib import closing
from pathlib import Path
from typing import Protocol

from scripts.batch.parquet import Parquet
from scripts.batch.rows import Row, printable
from scripts.batch.tables import Csv, JsonLines, Table
from scripts.common.errors import CommandError
from scripts.common.progress import progress
from scripts.common.signals import stopping_on_signals

SUCCEEDED = "succeeded"
OWN_SUFFIXES = ("", ".new", ".jsonl", ".jsonl.new")  # of files that a table in the images' folder has there
TABLES: dict[str, Callable[[Path], Table]] = {".parquet": Parquet, ".csv": Csv, ".jsonl": JsonLines}


class Source(Protocol):
    """What classifies images."""

    def rows(self, files: Iterable[str]) -> Generator[Row, None, None]:
        """Yield a row for each file, in any order."""


class Stdout:
    """JSON lines on stdout."""

    def __init__(self) -> None:
        self.done: set[str] = set()

    def add(self, row: Row) -> None:
        """Print a row."""
        sys.stdout.write(JsonLines.line(row))

    def close(self) -> None:
        """Leave stdout as it is."""


def check_table(path: Path) -> None:
    """Check where a table is to go, before a model is loaded.

    Raises:
        CommandError: another suffix, or no folder.
    """
    if path.suffix not in TABLES:
        raise CommandError(f"{path} is no kind of table: name a file that ends in {', '.join(TABLES)}")
    if not path.parent.is_dir():
        raise CommandError(f"there is no folder {path.parent}: make it, or name another file with --to")


def classify(source: Source, files: Sequence[str], to: Path | None) -> None:
    """Classify the images that have no row yet, and print how many there were on stderr.

    Args:
        source: what classifies them.
        files: their paths.
        to: the table; None prints JSON lines.

    Raises:
        CommandError: the table is something else, or the server is gone; the rows until then are in the table.
    """
    own = {f"{to.absolute()}{end}" for end in OWN_SUFFIXES} if to else set()
    with stopping_on_signals(), closing(TABLES[to.suffix](to) if to else Stdout()) as table:
        images = [file for file in files if os.path.abspath(file) not in own]  # noqa: PTH100 - no look at the disk
        left = [file for file in images if printable(file) not in table.done]
        if len(left) < len(images):
            _say(f"{len(images) - len(left):,} of {len(images):,} images are in {to} already")
        if not left:
            return
        start = time.monotonic()
        outcomes = _add_all(source, left, table)
        rate = outcomes.total() / (time.monotonic() - start)
    _say(f"{_summary(outcomes)}, {rate:.1f} images/s" + (f": {to}" if to else ""))


def _add_all(source: Source, files: Sequence[str], table: Table) -> Counter[str]:
    """Write a row for each file, and return how often each outcome came."""
    outcomes: Counter[str] = Counter()
    with progress("predict", len(files)) as advance, closing(source.rows(files)) as rows:
        for row in rows:
            table.add(row)
            outcomes[_outcome(row)] += 1
            advance(outcomes.total())
    return outcomes


def _outcome(row: Row) -> str:
    slug = (row.type or "").rpartition("/")[2]
    return SUCCEEDED if row.status == 200 else f"{row.status or ''} {slug}".strip()


def _summary(outcomes: Counter[str]) -> str:
    failed = ", ".join(f"{count:,} {outcome}" for outcome, count in outcomes.most_common() if outcome != SUCCEEDED)
    return f"{outcomes[SUCCEEDED]:,} of {outcomes.total():,} images succeeded" + (f" ({failed})" if failed else "")


def _say(sentence: str) -> None:
    print(sentence, file=sys.stderr, flush=True)
