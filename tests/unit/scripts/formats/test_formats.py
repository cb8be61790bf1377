"""`python -m scripts formats FOLDER`: what the server would make of an operator's own files."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result
from PIL import Image

from scripts.cli.main import main
from scripts.formats import second
from tests.conftest import encoded, picture


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with an image, and below it a cut one and a text."""
    folder = tmp_path / "images"
    (folder / "below").mkdir(parents=True)
    (folder / "good.jpg").write_bytes(encoded(picture(), "JPEG"))
    (folder / "below" / "cut.png").write_bytes(encoded(picture(200, 200), "PNG")[:-400])
    (folder / "below" / "notes.txt").write_text("no image")
    return folder


def formats(*arguments: object) -> Result:
    return CliRunner().invoke(main, ["formats", *(str(argument) for argument in arguments)])


def test_each_file_is_a_line(folder: Path) -> None:
    lines = formats(folder).stdout.splitlines()
    assert [line.split()[0] for line in lines[:-1]] == ["422", "415", "200"]
    assert "below/cut.png: damaged-image: the PNG image is cut off" in lines[0]
    assert "below/notes.txt: unsupported-format: the body is no JPEG" in lines[1]
    assert "good.jpg: Pillow differs by 0.0 on average, 0 at most" in lines[2]
    assert "64 x 48" in lines[2]
    assert lines[-1] == "1 x 200 decoded, 1 x 415 unsupported-format, 1 x 422 damaged-image"


def test_a_refused_file_is_status_1(folder: Path) -> None:
    result = formats(folder)
    assert result.exit_code == 1
    assert result.stderr.startswith("error: 2 of 3 files are refused or decode differently")


def test_an_image_alone(folder: Path) -> None:
    result = formats(folder / "good.jpg")
    assert result.exit_code == 0
    assert result.stdout.splitlines()[-1] == "1 x 200 decoded"


def test_json(folder: Path, tmp_path: Path) -> None:
    formats(folder, "--to", tmp_path / "rows.json")
    rows = json.loads((tmp_path / "rows.json").read_text(encoding="utf-8"))
    assert [(row["format"], row["width"], row["status"], row["reason"], row["decoder"]) for row in rows] == [
        ("PNG", None, 422, "damaged-image", None),
        (None, None, 415, "unsupported-format", None),
        ("JPEG", 64, 200, None, "Pillow"),
    ]
    assert all(row["milliseconds"] >= 0 for row in rows)


def test_csv(folder: Path, tmp_path: Path) -> None:
    formats(folder, "--to", tmp_path / "rows.csv")
    with (tmp_path / "rows.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [row["status"] for row in rows] == ["422", "415", "200"]
    assert (rows[2]["largest"], rows[2]["mean"]) == ("0", "0.0")


def test_another_limit_of_pixels(folder: Path) -> None:
    assert "too-many-pixels" in formats(folder / "good.jpg", "--max-pixels", 1000).stdout


@pytest.mark.parametrize("shade", [0, 255])
def test_pixels_that_differ_are_status_1(folder: Path, monkeypatch: pytest.MonkeyPatch, shade: int) -> None:
    def other(image: Image.Image) -> second.Pixels:
        return np.full((image.height, image.width, 3), shade, np.uint8)

    monkeypatch.setattr(second, "_by_pillow", other)
    result = formats(folder / "good.jpg")
    assert result.exit_code == 1
    assert "1 of 1 files" in result.stderr


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["none"], "there is no"),
        (["empty"], "has no files"),
        (["images", "--to", "rows.txt"], "is neither .csv nor .json"),
    ],
)
def test_what_cannot_be_done(
    folder: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], sentence: str
) -> None:
    monkeypatch.chdir(folder.parent)
    Path("empty").mkdir()
    result = formats(*arguments)
    assert result.exit_code == 1
    assert sentence in result.stderr
