"""The peers' environment is made once, again if that was interrupted or requirements.txt changed."""

import subprocess
from pathlib import Path

import pytest

from scripts.bench.peers import environment
from scripts.common.errors import CommandError


class Commands:
    """A fake subprocess.run that notes each module, and makes an empty folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.failing = ""
        self.modules: list[str] = []

    def __call__(self, command: list[str], check: bool) -> subprocess.CompletedProcess[bytes]:
        module = command[2]
        self.modules.append(module)
        self.folder.mkdir(exist_ok=True)
        return subprocess.CompletedProcess(command, int(module == self.failing))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "peers"


@pytest.fixture
def commands(monkeypatch: pytest.MonkeyPatch, folder: Path) -> Commands:
    commands = Commands(folder)
    monkeypatch.setattr(subprocess, "run", commands)
    return commands


def test_the_environment_is_made_once(commands: Commands, folder: Path) -> None:
    assert environment.ensure(folder) == folder / "bin" / "python"
    assert environment.ensure(folder) == folder / "bin" / "python"
    assert commands.modules == ["venv", "pip"]


def test_a_changed_pin_installs_again(commands: Commands, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    environment.ensure(folder)
    changed = folder.with_suffix(".txt")
    changed.write_text("fastapi==1.0")
    monkeypatch.setattr(environment, "REQUIREMENTS", changed)
    environment.ensure(folder)
    assert commands.modules == ["venv", "pip"] * 2


@pytest.mark.parametrize("failing", ["venv", "pip"])
def test_a_failure_says_what_to_do(commands: Commands, folder: Path, failing: str) -> None:
    commands.failing = failing
    with pytest.raises(CommandError, match="check the network and the disk, then run again"):
        environment.ensure(folder)


def test_an_interrupted_installation_is_repeated(commands: Commands, folder: Path) -> None:
    commands.failing = "pip"
    with pytest.raises(CommandError):
        environment.ensure(folder)
    commands.failing = ""
    environment.ensure(folder)
    assert commands.modules == ["venv", "pip"] * 2
