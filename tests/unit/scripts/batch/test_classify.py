"""Many images: which of them, the table, and what is said at the end."""

import json
from collections.abc import Generator, Iterable
from pathlib import Path

import pytest

from scripts.batch.classify import check_table, classify
from scripts.batch.rows import MAX_BYTES, Row
from scripts.common.errors import CommandError
from scripts.common.paths import CONFIG


class Source:
    """Responds 415 to text, and stops for good at a file named stop."""

    def __init__(self) -> None:
        self.sent: list[str] = []

    def rows(self, files: Iterable[str]) -> Generator[Row, None, None]:
        for file in files:
            if file.endswith("stop"):
                raise CommandError("the server is gone")
            self.sent.append(file)
            yield Row(file, 415, type="/problems/unsupported-format") if file.endswith("txt") else Row(file, 200)


@pytest.fixture
def source() -> Source:
    return Source()


def test_what_is_said_at_the_end(source: Source, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    to = tmp_path / "r.jsonl"
    classify(source, ["a.jpg", "b.txt", "c.jpg"], to)
    said = capsys.readouterr().err.splitlines()[-1]
    assert said.startswith("2 of 3 images succeeded (1 415 unsupported-format), ")
    assert said.endswith(f" images/s: {to}")


def test_images_that_have_a_row_are_skipped(source: Source, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    to = tmp_path / "r.csv"
    classify(source, ["a.jpg", "b.txt"], to)
    classify(source, ["a.jpg", "b.txt", "c.jpg"], to)
    assert source.sent == ["a.jpg", "b.txt", "c.jpg"]
    assert f"2 of 3 images are in {to} already" in capsys.readouterr().err
    classify(source, ["a.jpg"], to)
    assert source.sent == ["a.jpg", "b.txt", "c.jpg"]


@pytest.mark.parametrize("suffix", [".csv", ".jsonl", ".parquet"])
def test_the_rows_until_an_error_stay(source: Source, tmp_path: Path, suffix: str) -> None:
    to = tmp_path / f"r{suffix}"
    with pytest.raises(CommandError, match="the server is gone"):
        classify(source, ["a.jpg", "stop", "c.jpg"], to)
    classify(source, ["a.jpg", "c.jpg"], to)
    assert source.sent == ["a.jpg", "c.jpg"]


@pytest.mark.parametrize("suffix", [".csv", ".jsonl", ".parquet"])
def test_a_table_in_the_folder_of_the_images_is_no_image(
    source: Source, tmp_path: Path, suffix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    to = Path(f"r{suffix}")
    for name in (to.name, f"{to}.jsonl", f"{to}.new"):
        classify(source, ["a.jpg", name, f"./{name}", str(tmp_path / name)], to)
    assert source.sent == ["a.jpg"]


def test_rows_on_stdout(source: Source, capsys: pytest.CaptureFixture[str]) -> None:
    classify(source, ["a.jpg", "b.txt"], None)
    printed = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [(row["file"], row["status"]) for row in printed] == [("a.jpg", 200), ("b.txt", 415)]


@pytest.mark.parametrize(
    ("to", "sentence"), [("r.xlsx", "ends in .parquet, .csv, .jsonl"), ("no/r.csv", "no folder no")]
)
def test_a_table_that_cannot_be(to: str, sentence: str) -> None:
    with pytest.raises(CommandError, match=sentence):
        check_table(Path(to))


def test_the_limit_of_bytes_is_the_servers() -> None:
    assert f"\nmax_request_size={MAX_BYTES}\n" in (CONFIG / "config.properties").read_text()
