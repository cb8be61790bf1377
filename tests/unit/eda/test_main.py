"""The command line: files, exit codes, one sentence on stderr."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from eda.__main__ import main
from eda.embeddings.archives import find_archive
from tests.unit.eda.folder import CocoFolder

ROOT = Path(__file__).parents[3]


def run(tmp_path: Path, *arguments: str) -> int:
    places = ["--out", str(tmp_path / "report"), "--figures", str(tmp_path / "build" / "eda.json")]
    return main([*places, *([] if "--archive" in arguments else ["--no-embeddings"]), *arguments])


def test_report_and_run_figures(coco: CocoFolder, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (coco.path / "images" / "1.jpg").unlink()
    assert run(tmp_path, "--data", str(coco.path)) == 0
    assert {path.name for path in (tmp_path / "report").iterdir()} == {
        "index.html",
        "findings.json",
        "findings.csv",
        "measures.json",
        "images.parquet",
        "boxes.parquet",
        "findings.parquet",
        "measures.parquet",
    }
    figures = json.loads((tmp_path / "build" / "eda.json").read_text(encoding="utf-8"))
    assert figures["images"] == 4
    assert figures["boxes"] == 8
    assert set(figures["seconds"]) == {"load", "explore", "report"}
    assert 50 < figures["peak_memory_mib"] < 4096
    output = capsys.readouterr()
    assert "index.html: folder “cppe5”" in output.out
    assert "images: 100%" in output.err
    assert "plots: 100%" in output.err
    # A missing image file is a finding, not an error.
    findings = json.loads((tmp_path / "report" / "findings.json").read_text(encoding="utf-8"))["findings"]
    assert [(entry["rule"], entry["image_id"]) for entry in findings] == [("photo-missing", 1)]


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (lambda f: (f.path / "annotations" / "train.json").write_text('{"images": ['), "is not JSON"),
        (lambda f: (f.path / "annotations" / "train.json").write_text("{}"), "has no list 'images'"),
        (lambda f: [path.unlink() for path in (f.path / "annotations").iterdir()], "has no annotations/"),
    ],
)
def test_bad_input(
    coco: CocoFolder,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    damage: Callable[[CocoFolder], object],
    words: str,
) -> None:
    damage(coco)
    assert run(tmp_path, "--data", str(coco.path)) == 1
    error = capsys.readouterr().err
    assert error.startswith("eda: ")
    assert error.count("\n") == 1
    assert words in error
    assert not (tmp_path / "report").exists()


def test_missing_data_folder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(tmp_path, "--data", str(tmp_path / "nowhere")) == 1
    error = capsys.readouterr().err
    assert "nowhere is not a folder; expected annotations/*.json beside images/" in error
    assert error.count("\n") == 1


@pytest.mark.parametrize(
    "arguments",
    [["--data", "x", "--hub"], ["--hub", "--synthetic"], ["--synthetic", "3"], ["--synthetic", "many"]],
)
def test_wrong_usage(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    assert caught.value.code == 2
    assert "error:" in capsys.readouterr().err


@pytest.mark.parametrize("option", ["--out", "--figures"])
@pytest.mark.parametrize("blocked", ["file", "/proc/nowhere"])
def test_output_that_cannot_be_written_is_said_before_the_work(
    coco: CocoFolder, tmp_path: Path, capsys: pytest.CaptureFixture[str], option: str, blocked: str
) -> None:
    (tmp_path / "file").write_text("no folder")
    place = tmp_path / blocked / "below"
    assert run(tmp_path, "--data", str(coco.path), option, str(place)) == 1
    output = capsys.readouterr().err
    assert output.startswith("eda: ")
    assert "cannot be written" in output
    assert output.count("\n") == 1


def test_failed_start_leaves_no_folder(tmp_path: Path) -> None:
    assert run(tmp_path, "--data", str(tmp_path / "nowhere")) == 1
    assert list(tmp_path.iterdir()) == []


def test_unreadable_annotations(coco: CocoFolder, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = coco.path / "annotations" / "train.json"
    path.unlink()
    path.mkdir()
    assert run(tmp_path, "--data", str(coco.path)) == 1
    assert "train.json cannot be read (Is a directory)" in capsys.readouterr().err


def test_unreachable_server(coco: CocoFolder, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["--data", str(coco.path), "--server", "http://127.0.0.1:9", "--model", "resnet-50"]
    assert run(tmp_path, *arguments) == 1
    assert "eda: http://127.0.0.1:9/predictions/resnet-50 cannot be reached" in capsys.readouterr().err


def test_empty_data_option_uses_the_hub(tmp_path: Path) -> None:
    """`make eda` passes an empty --data; here the Hub is a closed port."""
    environment = {
        **os.environ,
        "HF_ENDPOINT": "http://127.0.0.1:9",
        "HF_HOME": str(tmp_path / "hf"),
    }
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "eda",
            "--data",
            "",
            "--no-embeddings",
            "--out",
            tmp_path / "r",
            "--figures",
            tmp_path / "f.json",
        ],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "did not give rishitdagli/cppe-5" in done.stderr
    assert "SYNTHETIC DATA · generated sample of 40 images" in done.stdout
    assert "Warning" not in done.stderr


def page_of(tmp_path: Path) -> str:
    return (tmp_path / "report" / "index.html").read_text(encoding="utf-8")


def test_embeddings_of_an_archive(
    coco: CocoFolder, tiny_archive: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "model_store").mkdir()
    (tmp_path / "model_store" / "broken.mar").write_bytes(b"")
    assert run(tmp_path, "--data", str(coco.path), "--archive", str(tiny_archive)) == 0
    assert "Images and boxes compared by the features of" in page_of(tmp_path)
    figures = json.loads((tmp_path / "build" / "eda.json").read_text(encoding="utf-8"))
    assert set(figures["seconds"]) == {"load", "explore", "features", "embed", "report"}
    shutil.copy(tiny_archive, tmp_path / "model_store")
    assert find_archive() == Path("model_store", tiny_archive.name)


def test_damaged_archive(coco: CocoFolder, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "x.mar").write_bytes(b"PK")
    assert run(tmp_path, "--data", str(coco.path), "--archive", str(tmp_path / "x.mar")) == 1
    error = capsys.readouterr().err.splitlines()[-1]
    assert error.endswith("x.mar is no whole archive of this project; pack one with `make archive`.")


def test_the_report_says_how_to_get_embeddings(
    coco: CocoFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["--data", str(coco.path), "--out", str(tmp_path / "report")]) == 0
    assert "No model: model_store/ has no archive; pack one with `make archive`." in page_of(tmp_path)


def test_help(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["--help"])
    assert caught.value.code == 0
    text = capsys.readouterr().out
    for option in (
        "--data",
        "--hub",
        "--synthetic",
        "--small",
        "--archive",
        "--no-embeddings",
        "--server",
        "--model",
        "--management",
        "--out",
        "--no-photos",
    ):
        assert option in text
