"""Tables in three formats, and what an interrupted run left of them."""

import csv
import json
import sys
from contextlib import closing
from pathlib import Path

import pyarrow.parquet
import pytest

from scripts.batch.classify import TABLES
from scripts.batch.rows import Row, printable
from scripts.common.errors import CommandError

EVERY = pytest.mark.parametrize("suffix", list(TABLES))
TEXT = pytest.mark.parametrize("suffix", [".csv", ".jsonl"])
CLASSES = [
    {"class_id": 967, "label": 'espresso, or a "cup"', "score": 0.97},
    {"class_id": 3, "label": "é", "score": 0.01},
]
GOOD = Row.of_response('photos/a, "b"\n.jpg', 200, json.dumps(CLASSES).encode())
BAD = Row.of_response("é.txt", 415, b'{"type": "/problems/unsupported-format", "detail": "no image: send a JPEG"}')
BUSY = Row.of_response("busy.jpg", 503, b'{"type": "/problems/busy", "detail": "wait"}')
UNREADABLE = Row("gone.jpg", None, type="unreadable-file", detail="the file cannot be read: No such file or directory")
ROWS = [GOOD, BAD, BUSY, UNREADABLE]


def write(path: Path, *rows: Row) -> None:
    with closing(TABLES[path.suffix](path)) as table:
        for row in rows:
            table.add(row)


def read(path: Path) -> list[Row]:
    """Read a table as its users would."""
    if path.suffix == ".parquet":
        return [Row(**record) for record in pyarrow.parquet.read_table(path).to_pylist()]
    if path.suffix == ".jsonl":
        return [Row(**json.loads(line)) for line in path.read_text(encoding="utf-8").splitlines()]
    with path.open(newline="", encoding="utf-8") as file:
        return [
            Row(
                record["file"],
                int(record["status"]) if record["status"] else None,
                int(record["class_id"]) if record["class_id"] else None,
                record["label"] or None,
                float(record["score"]) if record["score"] else None,
                json.loads(record["predictions"]),
                record["type"] or None,
                record["detail"] or None,
            )
            for record in csv.DictReader(file)
        ]


@EVERY
def test_rows_come_back(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"results{suffix}"
    write(path, *ROWS)
    assert read(path) == ROWS
    assert list(tmp_path.iterdir()) == [path]


def test_a_row_has_the_top_1_class() -> None:
    assert (GOOD.class_id, GOOD.label, GOOD.score) == tuple(CLASSES[0].values())
    assert (BAD.type, BAD.detail) == ("/problems/unsupported-format", "no image: send a JPEG")


@EVERY
def test_a_next_run_goes_on(tmp_path: Path, suffix: str) -> None:
    """What the server could not do, and files that could not be read, are tried again."""
    path = tmp_path / f"results{suffix}"
    write(path, *ROWS)
    table = TABLES[suffix](path)
    assert table.done == {GOOD.file, BAD.file}
    found = Row(**BUSY.columns() | {"status": 200, "type": None, "detail": None})
    table.add(found)
    table.close()
    assert read(path) == [GOOD, BAD, found]


@TEXT
def test_rows_are_in_the_file_before_it_is_closed(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"results{suffix}"
    table = TABLES[suffix](path)
    table.add(GOOD)
    assert read(path) == [GOOD]
    table.close()


def test_the_rows_of_a_parquet_file_that_was_never_finished_are_kept(tmp_path: Path) -> None:
    path = tmp_path / "results.parquet"
    write(path, GOOD)
    write(tmp_path / "results.parquet.jsonl", BAD, BUSY)
    with closing(TABLES[".parquet"](path)) as table:
        assert table.done == {GOOD.file, BAD.file}
    assert read(path) == [GOOD, BAD]


@TEXT
@pytest.mark.parametrize("row", [GOOD, BAD, UNREADABLE], ids=["good", "bad", "unreadable"])
def test_a_row_that_was_cut_off_anywhere_is_dropped(tmp_path: Path, suffix: str, row: Row) -> None:
    path = tmp_path / f"results{suffix}"
    write(path, BAD)
    whole = path.stat().st_size
    write(path, row) if row is not BAD else write(path, Row(**BAD.columns() | {"file": "other.txt"}))
    data = path.read_bytes()
    for size in range(whole, len(data)):
        path.write_bytes(data[:size])
        write(path)
        assert read(path) == [BAD], size


@EVERY
def test_an_empty_file_is_an_empty_table(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"results{suffix}"
    path.touch()
    write(path, GOOD)
    assert read(path) == [GOOD]


@EVERY
@pytest.mark.parametrize(
    "content", [b"name,age\nx,3\n", b'{"name": "x"}\n', b"[1]\n", b"\x89PNG\r\n\x1a\n\0\0\n", b"PAR1\n", b"notes"]
)
def test_another_file_is_refused_and_left_as_it_is(tmp_path: Path, suffix: str, content: bytes) -> None:
    path = tmp_path / f"results{suffix}"
    path.write_bytes(content)
    with pytest.raises(CommandError, match="is not a table of this command: name another file with --to"):
        TABLES[suffix](path)
    assert path.read_bytes() == content


def test_parquet_without_pyarrow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(
        CommandError, match=r"Parquet needs pyarrow: run make setup GROUP=eda, or write \.csv or \.jsonl"
    ):
        TABLES[".parquet"](tmp_path / "results.parquet")


@pytest.mark.parametrize(
    ("path", "shown"),
    [
        ("caf\udce9.jpg", r"caf\xe9.jpg"),
        ("a\nb\r.jpg", r"a\nb\r.jpg"),
        ("é \u2028.jpg", r"é \u2028.jpg"),
        ("a b/c.jpg", "a b/c.jpg"),
    ],
)
def test_a_path_is_shown_as_text_in_one_line(path: str, shown: str) -> None:
    assert printable(path) == shown


def test_line_breaks_in_csv_become_spaces(tmp_path: Path) -> None:
    path = tmp_path / "results.csv"
    label = [{"class_id": 1, "label": "one\ntwo", "score": 0.5}]
    write(path, Row.of_response("a.jpg", 200, json.dumps(label).encode()))
    (row,) = read(path)
    assert (row.label, row.predictions) == ("one two", label)
