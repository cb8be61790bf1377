"""The table as JSON lines or CSV: each row is written as it comes, and a next run goes on where the last one ended."""

import csv
import io
import json
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from typing import IO, Protocol

from scripts.batch.rows import Row
from scripts.common.errors import CommandError

COLUMNS = [column.name for column in fields(Row)]
BEGINNING = '{"file": "'  # of a row in JSON


class Table(Protocol):
    """A table in a file, open for more rows."""

    done: set[str]  # the files that have a row and need not be tried again

    def add(self, row: Row) -> None:
        """Write a row."""

    def close(self) -> None:
        """Finish the file."""


class TextTable:
    """A table in a text file.

    Args:
        path: the file. The final rows that it has stay; the others are dropped.

    Raises:
        CommandError: it is something else.
    """

    head = ""  # what the file begins with

    def __init__(self, path: Path) -> None:
        self.done: set[str] = set()
        new = path.with_name(f"{path.name}.new")
        with _open(new, "w") as file:
            file.write(self.head)
            for row in self._kept(path):
                file.write(self.line(row))
                self.done.add(row.file)
        new.replace(path)
        self._file = _open(path, "a")  # line by line: what is written stays, however this process ends

    def add(self, row: Row) -> None:
        """Write a row."""
        self._file.write(self.line(row))

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    @staticmethod
    def line(row: Row) -> str:
        """Return a row as it stands in the file."""
        raise NotImplementedError

    @staticmethod
    def rows(file: IO[str]) -> Iterator[Row]:
        """Yield the rows of a file, but for a last one that was not written to its end, as when the process was killed.

        Raises:
            csv.Error, TypeError, ValueError: it is something else.
        """
        raise NotImplementedError

    def _kept(self, path: Path) -> Iterator[Row]:
        if not path.exists() or not path.stat().st_size:
            return
        with _open(path, "r") as file:
            try:
                yield from (row for row in self.rows(file) if row.is_final)
            except (csv.Error, TypeError, ValueError) as error:
                raise CommandError(f"{path} is not a table of this command: name another file with --to") from error


class JsonLines(TextTable):
    """A JSON object a line."""

    @staticmethod
    def line(row: Row) -> str:
        """Return a row as JSON."""
        return json.dumps(row.columns(), ensure_ascii=False) + "\n"

    @staticmethod
    def rows(file: IO[str]) -> Iterator[Row]:
        """Yield the rows of a file."""
        for line in file:
            if line.endswith("\n"):
                yield Row(**json.loads(line))
            elif not line.startswith(BEGINNING[: len(line)]):
                raise ValueError("not a row")


class Csv(TextTable):
    """Comma-separated values; `predictions` is JSON."""

    @staticmethod
    def line(row: Row) -> str:
        """Return a row as CSV."""
        record = {name: _one_line(value) for name, value in row.columns().items()}
        return _csv_line(record | {"predictions": json.dumps(row.predictions, ensure_ascii=False)})

    @staticmethod
    def rows(file: IO[str]) -> Iterator[Row]:
        """Yield the rows of a file."""
        reader = csv.DictReader((line for line in file if line.endswith("\n")), strict=True)
        if reader.fieldnames != COLUMNS:
            raise ValueError("other columns")
        for record in reader:
            value = {name: text or None for name, text in record.items()}
            yield Row(
                file=record["file"],
                status=int(record["status"]) if value["status"] else None,
                class_id=int(record["class_id"]) if value["class_id"] else None,
                label=value["label"],
                score=float(record["score"]) if value["score"] else None,
                predictions=json.loads(record["predictions"]),
                type=value["type"],
                detail=value["detail"],
            )


def _one_line(value: object) -> object:
    """Return a value with spaces for line breaks: a row is a line, so that one that was cut off shows."""
    return " ".join(value.splitlines()) if isinstance(value, str) else value


def _csv_line(record: dict[str, object]) -> str:
    text = io.StringIO()
    csv.DictWriter(text, COLUMNS, lineterminator="\n").writerow(record)
    return text.getvalue()


Csv.head = _csv_line({name: name for name in COLUMNS})


def _open(path: Path, mode: str) -> IO[str]:
    # What was cut off may end within a character.
    return path.open(mode, buffering=1, encoding="utf-8", errors="replace" if mode == "r" else None, newline="\n")
