"""The command line as a user meets it: files, exit codes, one sentence on stderr."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from eda.__main__ import main
from tests.unit.eda.folder import CocoFolder

ROOT = Path(__file__).parents[3]


def run(tmp_path: Path, *arguments: str) -> int:
    return main([*arguments, "--out", str(tmp_path / "report"), "--figures", str(tmp_path / "build" / "eda.json")])


def test_a_folder_becomes_a_report_and_the_figures_of_the_run(
    coco: CocoFolder, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (coco.path / "images" / "1.jpg").unlink()
    assert run(tmp_path, "--data", str(coco.path)) == 0
    assert {path.name for path in (tmp_path / "report").iterdir()} == {
        "index.html",
        "findings.json",
        "findings.csv",
    }
    figures = json.loads((tmp_path / "build" / "eda.json").read_text(encoding="utf-8"))
    assert figures["photos"] == 4
    assert figures["boxes"] == 8
    assert set(figures["seconds"]) == {"load", "explore", "report"}
    assert 50 < figures["peak_memory_mib"] < 4096
    output = capsys.readouterr()
    assert "index.html: folder “cppe5”" in output.out
    assert "photos: 100%" in output.err
    assert "plots: 100%" in output.err
    # an annotation without its photo is the data's fault: a row in the findings, not an error
    findings = json.loads((tmp_path / "report" / "findings.json").read_text(encoding="utf-8"))["findings"]
    assert [(entry["rule"], entry["image_id"]) for entry in findings] == [("photo-missing", 1)]


@pytest.mark.parametrize(
    ("break_it", "words"),
    [
        (lambda f: (f.path / "annotations" / "train.json").write_text('{"images": ['), "is not JSON"),
        (lambda f: (f.path / "annotations" / "train.json").write_text("{}"), "has no list 'images'"),
        (lambda f: [path.unlink() for path in (f.path / "annotations").iterdir()], "has no annotations/"),
    ],
)
def test_bad_input_is_one_sentence_and_exit_1(
    coco: CocoFolder, tmp_path: Path, capsys: pytest.CaptureFixture[str], break_it: object, words: str
) -> None:
    assert callable(break_it)
    break_it(coco)
    assert run(tmp_path, "--data", str(coco.path)) == 1
    error = capsys.readouterr().err
    assert error.startswith("eda: ")
    assert error.count("\n") == 1
    assert words in error
    assert not (tmp_path / "report").exists()


def test_a_missing_folder_is_one_sentence_and_exit_1(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(tmp_path, "--data", str(tmp_path / "nowhere")) == 1
    assert capsys.readouterr().err.endswith("beside <folder>/images/.\n")


@pytest.mark.parametrize(
    "arguments",
    [["--data", "x", "--hub"], ["--hub", "--synthetic"], ["--synthetic", "3"], ["--synthetic", "many"]],
)
def test_options_that_do_not_fit_are_refused_with_exit_2(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    assert caught.value.code == 2
    assert "error:" in capsys.readouterr().err


def test_a_server_that_is_not_there_is_one_sentence(
    coco: CocoFolder, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["--data", str(coco.path), "--server", "http://127.0.0.1:9", "--model", "resnet-50"]
    assert run(tmp_path, *arguments) == 1
    assert "eda: http://127.0.0.1:9/predictions/resnet-50 cannot be reached" in capsys.readouterr().err


def test_make_eda_without_data_reaches_for_the_hub_and_falls_back(tmp_path: Path) -> None:
    """As `make eda` calls it: --data with nothing in it, here with a Hub where nothing listens."""
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
    assert "SYNTHETIC DATA · generated sample of 40 photos" in done.stdout
    assert "Warning" not in done.stderr


def test_help_names_every_option(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["--help"])
    assert caught.value.code == 0
    text = capsys.readouterr().out
    for option in (
        "--data",
        "--hub",
        "--synthetic",
        "--server",
        "--model",
        "--management",
        "--out",
        "--no-photos",
    ):
        assert option in text
