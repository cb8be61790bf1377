"""The rule for workers, and where it is applied."""

import importlib.metadata
import zipfile
from pathlib import Path

import pytest
import yaml

from scripts.build import archive, workers
from scripts.common.errors import CommandError


@pytest.mark.parametrize(
    ("cpus", "gpus", "expected"),
    [(1, 0, 1), (2, 0, 1), (4, 0, 1), (7, 0, 1), (8, 0, 2), (16, 0, 4), (64, 0, 16), (2, 1, 2), (64, 4, 8)],
)
def test_the_rule(cpus: int, gpus: int, expected: int) -> None:
    assert workers.rule(cpus, gpus) == expected


def test_it_heeds_the_machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("WORKERS", raising=False)
    monkeypatch.setattr(workers, "cpus", lambda: 16)
    monkeypatch.setattr(workers, "GPUS", tmp_path)
    assert workers.chosen() == 4
    (tmp_path / "0000:01:00.0").mkdir()
    assert workers.chosen() == 2
    monkeypatch.setattr(importlib.metadata, "version", lambda _: "2.15.0+cpu")
    assert workers.chosen() == 4


def test_the_environment_has_the_last_word(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORKERS", "3")
    assert workers.chosen() == 3
    for wrong in ("0", "-1", "many"):
        monkeypatch.setenv("WORKERS", wrong)
        with pytest.raises(CommandError, match="give a number from 1 on, or auto"):
            workers.chosen()


def test_only_auto_is_filled_in(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workers, "chosen", lambda: 3)
    text = "minWorkers: auto  # auto: the rule\nmaxWorkers: 5\nhandler:\n  engine: auto\n"
    assert workers.filled_in(text) == "minWorkers: 3  # auto: the rule\nmaxWorkers: 5\nhandler:\n  engine: auto\n"


def test_an_archive_holds_a_number_and_another_machine_builds_it_anew(
    tiny_directory: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(workers, "chosen", lambda: 3)
    packed = archive.ensure(str(tiny_directory), "", store=tmp_path)
    with zipfile.ZipFile(packed) as file:
        config = yaml.safe_load(file.read("model-config.yaml"))
    assert (config["minWorkers"], config["maxWorkers"], config["handler"]["engine"]) == (3, 3, "auto")
    assert archive.ensure(str(tiny_directory), "", store=tmp_path) == packed
    assert "is up to date" in capsys.readouterr().out
    monkeypatch.setattr(workers, "chosen", lambda: 4)
    archive.ensure(str(tiny_directory), "", store=tmp_path)
    assert "was made from something else" in capsys.readouterr().out
