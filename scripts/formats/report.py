"""A folder of images through the decoder: a line a file, a summary, and a file to work on with."""

import csv
import dataclasses
import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import click

from handler.settings import Settings
from scripts.common.errors import CommandError
from scripts.formats.check import Row, check

# Decoders round differently: JPEGs differ by some values at edges, never on average.
MAX_MEAN = 2.0


def run(folder: Path, settings: Settings, to: Path | None) -> None:
    """Check every file of a folder and of those below it.

    Args:
        folder: where the images are; or a single image.
        settings: the handler's.
        to: where the rows are also written, by its suffix as CSV or JSON.

    Raises:
        CommandError: there is no file, or a file is refused or differs from the second decoder.
    """
    files = sorted(path for path in folder.rglob("*") if path.is_file()) if folder.is_dir() else [folder]
    if not files:
        raise CommandError(f"{folder} has no files: name a folder of images")
    if to and to.suffix not in WRITERS:
        raise CommandError(f"{to} is neither .csv nor .json: name one of them")
    rows = []
    for file in files:
        rows.append(check(file, settings))
        click.echo(line(rows[-1], folder))
    if to:
        WRITERS[to.suffix](rows, to)
    click.echo(summary(rows))
    if failed := [row for row in rows if is_wrong(row)]:
        raise CommandError(
            f"{len(failed)} of {len(rows)} files are refused or decode differently: see above, and convert them or "
            "report them"
        )


def is_wrong(row: Row) -> bool:
    """Whether a file is refused, or its pixels are not the second decoder's."""
    return row.status != 200 or (row.mean is not None and row.mean > MAX_MEAN)


def line(row: Row, folder: Path) -> str:
    """Return a row as a line of text."""
    name = str(Path(row.file).relative_to(folder)) if Path(row.file) != folder else row.file
    size = f"{row.width} x {row.height}" if row.width else "-"
    words = f"{row.status}  {row.format or '-':<8}  {size:>13}  {row.milliseconds:8.1f} ms  {name}"
    if row.reason:
        return f"{words}: {row.reason}: {row.detail}"
    if row.decoder is None:
        return f"{words}: no second decoder"
    return f"{words}: {row.decoder} differs by {row.mean} on average, {row.largest} at most"


def summary(rows: Sequence[Row]) -> str:
    """Return how many files had which status."""
    statuses = Counter(f"{row.status} {row.reason or 'decoded'}" for row in rows)
    return ", ".join(f"{count} x {status}" for status, count in sorted(statuses.items()))


def _write_csv(rows: Sequence[Row], file: Path) -> None:
    with file.open("w", newline="", encoding="utf-8") as opened:
        writer = csv.DictWriter(opened, [field.name for field in dataclasses.fields(Row)])
        writer.writeheader()
        writer.writerows(dataclasses.asdict(row) for row in rows)


def _write_json(rows: Sequence[Row], file: Path) -> None:
    file.write_text(json.dumps([dataclasses.asdict(row) for row in rows], indent=1, ensure_ascii=False) + "\n")


WRITERS = {".csv": _write_csv, ".json": _write_json}
