"""A folder of images through a real server, interrupted and without one."""

import csv
import json
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pyarrow.parquet
import pytest
from PIL import Image

from scripts.build.sources import fallback
from scripts.common.example import example_image
from scripts.server.torchserve import TorchServe
from tests.conftest import PROJECT, encoded
from tests.integration.commands import failure
from tests.waiting import wait_for

IMAGES = 1000
BROKEN = 10  # of them, every hundredth


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Small images, some of them cut off."""
    folder = tmp_path_factory.mktemp("images")
    with Image.open(example_image()) as photo:
        small = photo.convert("RGB").resize((160, 120))
    for index in range(IMAGES):
        small.putpixel((index % 160, index // 160), (255, 0, 0))
        data = encoded(small, "JPEG")
        path = folder / f"{index // 100}" / f"{index:04d}.jpg"
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(data[:-500] if index % 100 == 0 else data)
    return folder


def command(inference: str, *arguments: str | Path) -> list[str]:
    return [sys.executable, "-m", "scripts", "predict", "--url", inference, *map(str, arguments)]


def predict(inference: str, *arguments: str | Path, stdin: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command(inference, *arguments), input=stdin, capture_output=True, text=True, check=False, cwd=PROJECT
    )


def read(path: Path) -> list[tuple[str, str, str]]:
    """Return (file, status, label) of each row."""
    if path.suffix == ".parquet":
        records = pyarrow.parquet.read_table(path).to_pylist()
    elif path.suffix == ".csv":
        with path.open(newline="", encoding="utf-8") as file:
            records = list(csv.DictReader(file))
    else:
        records = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    return [(record["file"], str(record["status"]), record["label"]) for record in records]


def is_whole(path: Path, folder: Path) -> bool:
    """Whether each image has exactly one row, with the right status."""
    rows = read(path)
    assert Counter(file for file, _, _ in rows) == Counter(str(file) for file in folder.rglob("*.jpg"))
    return Counter(status for _, status, _ in rows) == {"200": IMAGES - BROKEN, "422": BROKEN}


@pytest.mark.parametrize(
    ("suffix", "number"), [(".csv", signal.SIGKILL), (".parquet", signal.SIGINT), (".parquet", signal.SIGKILL)]
)
def test_an_interrupted_run_goes_on(
    inference: str, folder: Path, tmp_path: Path, suffix: str, number: signal.Signals
) -> None:
    to = tmp_path / f"results{suffix}"
    growing = to if suffix == ".csv" else Path(f"{to}.jsonl")
    arguments = (fallback.NAME, folder, "--to", to)
    with subprocess.Popen(command(inference, *arguments), cwd=PROJECT, stderr=subprocess.DEVNULL) as first:
        wait_for("rows", lambda: growing.exists() and growing.read_bytes().count(b"\n") > 100)
        first.send_signal(number)
    assert first.returncode == (130 if number == signal.SIGINT else -number)
    if number == signal.SIGINT:
        assert 100 < len(read(to)) < IMAGES
    second = predict(inference, *arguments)
    assert second.returncode == 0, second.stderr
    assert f" of 1,000 images are in {to} already" in second.stderr
    assert is_whole(to, folder)
    assert list(tmp_path.iterdir()) == [to]


def test_the_same_rows_without_a_server(inference: str, folder: Path, tmp_path: Path, fallback_archive: Path) -> None:
    names = "".join(f"{path}\n" for path in sorted(folder.glob("[01]/*.jpg")))
    through, alone = tmp_path / "through.jsonl", tmp_path / "alone.jsonl"
    assert predict(inference, fallback.NAME, f"{folder}/[01]/*.jpg", "--to", through).returncode == 0
    result = predict(inference, "-", "--model", fallback_archive, "--to", alone, stdin=names)
    assert result.returncode == 0, result.stderr
    assert sorted(read(through)) == sorted(read(alone))
    assert len(read(alone)) == 200


def test_several_images_are_rows_on_stdout(inference: str, folder: Path) -> None:
    result = predict(inference, fallback.NAME, folder / "0" / "0000.jpg", folder / "0" / "0001.jpg", "--top-k", "1")
    rows = sorted((json.loads(line) for line in result.stdout.splitlines()), key=lambda row: str(row["file"]))
    assert [(row["status"], len(row["predictions"])) for row in rows] == [(422, 0), (200, 1)]
    assert rows[0]["type"] == "/problems/damaged-image"


def test_a_server_with_several_models(server: TorchServe, inference: str, folder: Path) -> None:
    assert len(server.management.models()) > 1
    assert "name one with --name" in failure(predict(inference, folder))
    named = predict(inference, folder / "0" / "0001.jpg", "--name", fallback.NAME)
    assert named.stdout.startswith('[{"class_id":')
