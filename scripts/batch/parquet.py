"""The table as Parquet, which cannot grow: rows are JSON lines beside it until the end."""

import importlib
import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from scripts.batch.rows import Row
from scripts.batch.tables import COLUMNS, JsonLines
from scripts.common.errors import CommandError

ROWS = 10_000  # in memory at a time


class Parquet:
    """A table in a Parquet file, and its new rows in `<its name>.jsonl` beside it.

    Args:
        path: the Parquet file. The final rows that it has stay; the others are dropped.

    Raises:
        CommandError: it is something else, or pyarrow is not installed.
    """

    def __init__(self, path: Path) -> None:
        try:
            self._arrow: Any = importlib.import_module("pyarrow")
            self._parquet: Any = importlib.import_module("pyarrow.parquet")
        except ImportError as error:
            raise CommandError("Parquet needs pyarrow: run make setup GROUP=eda, or write .csv or .jsonl") from error
        self._path, self._journal = path, path.with_name(f"{path.name}.jsonl")
        finished = {row.file for row in self._finished()}
        self._new = JsonLines(self._journal)
        self.done = finished | self._new.done
        self.add = self._new.add

    def close(self) -> None:
        """Write the Parquet file anew, with the new rows."""
        self._new.close()
        schema = self._schema()
        new = self._path.with_name(f"{self._path.name}.new")
        with (
            self._journal.open(encoding="utf-8", newline="") as lines,
            self._parquet.ParquetWriter(new, schema) as writer,
        ):
            rows = itertools.chain(self._finished(), JsonLines.rows(lines))
            while records := [row.columns() for row in itertools.islice(rows, ROWS)]:
                writer.write_table(self._arrow.Table.from_pylist(records, schema))
        new.replace(self._path)
        self._journal.unlink()

    def _finished(self) -> Iterator[Row]:
        if not self._path.exists() or not self._path.stat().st_size:
            return
        try:
            for batch in self._parquet.ParquetFile(self._path).iter_batches(ROWS):
                yield from (row for row in (Row(**record) for record in batch.to_pylist()) if row.is_final)
        except (TypeError, ValueError) as error:
            raise CommandError(f"{self._path} is not a table of this command: name another file with --to") from error

    def _schema(self) -> Any:
        arrow = self._arrow
        prediction = arrow.struct({"class_id": arrow.int64(), "label": arrow.string(), "score": arrow.float64()})
        types = {"status": arrow.int16(), "class_id": arrow.int64(), "score": arrow.float64()}
        types |= {"predictions": arrow.list_(prediction)}
        return arrow.schema({name: types.get(name, arrow.string()) for name in COLUMNS})
