"""Images without a server."""

import gc
import os
from pathlib import Path

import pytest

from scripts.batch.local import BATCH, opened
from scripts.batch.rows import MAX_BYTES
from scripts.common.errors import CommandError
from tests.conftest import encoded, picture
from tests.unit.handler.batches import PHOTO


def test_nothing_stays_frozen(tiny_archive: Path) -> None:
    """What is frozen is not freed at exit, and Triton prints a page about it."""
    with opened(str(tiny_archive), top_k=None):
        assert gc.get_freeze_count()
    assert not gc.get_freeze_count()


def test_rows_of_more_than_a_batch(tiny_archive: Path, tmp_path: Path) -> None:
    files = []
    for index in range(2 * BATCH + 1):
        file = tmp_path / f"{index}.png"
        file.write_bytes(encoded(picture(40 + index), "PNG"))
        files.append(str(file))
    with opened(str(tiny_archive), top_k=2) as local:
        rows = list(local.rows(files))
    assert [row.file for row in rows] == files
    assert all((row.status, len(row.predictions)) == (200, 2) for row in rows)
    assert all(row.score == row.predictions[0]["score"] for row in rows)


def test_errors_are_rows_and_harm_no_others(tiny_archive: Path, tmp_path: Path) -> None:
    contents = {"good.jpg": PHOTO, "text.jpg": b"text", "cut.jpg": PHOTO[:-300], "empty.jpg": b"", "also.jpg": PHOTO}
    for name, content in contents.items():
        (tmp_path / name).write_bytes(content)
    with (tmp_path / "large.jpg").open("wb") as large:
        large.truncate(MAX_BYTES + 1)
    names = [*contents, "large.jpg", "gone.jpg"]
    with opened(str(tiny_archive), top_k=None) as local:
        rows = {Path(row.file).name: row for row in local.rows(str(tmp_path / name) for name in names)}
    statuses = {name: row.status for name, row in rows.items()}
    assert statuses == {
        "good.jpg": 200,
        "text.jpg": 415,
        "cut.jpg": 422,
        "empty.jpg": 400,
        "also.jpg": 200,
        "large.jpg": 413,
        "gone.jpg": None,
    }
    assert rows["text.jpg"].type == "/problems/unsupported-format"
    assert rows["good.jpg"].predictions == rows["also.jpg"].predictions


def test_stdout_is_for_rows_alone(tiny_archive: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "photo.jpg").write_bytes(PHOTO)
    with opened(str(tiny_archive), top_k=None) as local:
        assert len(list(local.rows([str(tmp_path / "photo.jpg")]))) == 1
    assert capfd.readouterr().out == ""


def test_the_environment_stays_as_it_was(tiny_archive: Path) -> None:
    before = dict(os.environ)
    with opened(str(tiny_archive), top_k=None):
        pass
    assert dict(os.environ) == before


def test_a_batch_without_an_image(tiny_archive: Path, tmp_path: Path) -> None:
    with opened(str(tiny_archive), top_k=None) as local:
        (row,) = local.rows([str(tmp_path / "gone.jpg")])
    assert row.status is None


def test_a_parameter_out_of_range_ends_the_run(tiny_archive: Path, tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(PHOTO)
    with opened(str(tiny_archive), top_k=11) as local, pytest.raises(CommandError, match="top_k is 11: send a whole"):
        list(local.rows([str(tmp_path / "a.jpg")]))


def test_no_archive(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="build it with make archive"), opened(str(tmp_path / "gone.mar"), None):
        pass
