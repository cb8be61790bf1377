"""The number of workers, and where it is filled in."""

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
def test_workers_for(cpus: int, gpus: int, expected: int) -> None:
    assert workers.workers_for(cpus, gpus) == expected


def test_workers_of_this_machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("WORKERS", raising=False)
    monkeypatch.setattr(workers, "cpus", lambda: 16)
    monkeypatch.setattr(workers, "GPUS", tmp_path)
    assert workers.configured() == 4
    (tmp_path / "0000:01:00.0").mkdir()
    assert workers.configured() == 2
    monkeypatch.setattr(importlib.metadata, "version", lambda _: "2.15.0+cpu")
    assert workers.configured() == 4


def test_workers_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORKERS", "3")
    assert workers.configured() == 3


@pytest.mark.parametrize("value", ["0", "-1", "many"])
def test_invalid_workers_in_the_environment(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("WORKERS", value)
    with pytest.raises(CommandError, match="give a number from 1 on, or auto"):
        workers.configured()


def test_fill_in_replaces_only_auto_workers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workers, "configured", lambda: 3)
    text = "minWorkers: auto  # auto: the rule\nmaxWorkers: 5\nhandler:\n  engine: auto\n"
    assert workers.fill_in(text) == "minWorkers: 3  # auto: the rule\nmaxWorkers: 5\nhandler:\n  engine: auto\n"


def test_archive_depends_on_the_number_of_workers(
    tiny_directory: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(workers, "configured", lambda: 3)
    packed = archive.ensure(str(tiny_directory), "", store=tmp_path)
    with zipfile.ZipFile(packed) as file:
        config = yaml.safe_load(file.read("model-config.yaml"))
    assert (config["minWorkers"], config["maxWorkers"], config["handler"]["engine"]) == (3, 3, "auto")
    assert archive.ensure(str(tiny_directory), "", store=tmp_path) == packed
    assert "is up to date" in capsys.readouterr().out
    monkeypatch.setattr(workers, "configured", lambda: 4)
    archive.ensure(str(tiny_directory), "", store=tmp_path)
    assert "is out of date" in capsys.readouterr().out
