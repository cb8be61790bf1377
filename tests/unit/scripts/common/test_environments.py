"""An environment is made once, again if that was interrupted or its requirements changed."""

import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from scripts.common.environments import Environment
from scripts.common.errors import CommandError


class Commands:
    """A fake subprocess.run that notes each module, and makes an empty folder."""

    def __init__(self, environment: Environment) -> None:
        self.folder = environment.folder
        self.failing = ""
        self.modules: list[str] = []

    def __call__(self, command: list[str], check: bool) -> subprocess.CompletedProcess[bytes]:
        module = command[2]
        self.modules.append(module)
        self.folder.mkdir(exist_ok=True)
        time.sleep(0.05)
        return subprocess.CompletedProcess(command, int(module == self.failing))


@pytest.fixture
def environment(tmp_path: Path) -> Environment:
    requirements = tmp_path / "requirements.txt"
    requirements.write_text("fastapi==0.9")
    return Environment(tmp_path / "peers", requirements, "the peers")


@pytest.fixture
def commands(monkeypatch: pytest.MonkeyPatch, environment: Environment) -> Commands:
    commands = Commands(environment)
    monkeypatch.setattr(subprocess, "run", commands)
    return commands


def test_the_environment_is_made_once(commands: Commands, environment: Environment) -> None:
    assert environment.ensure() == environment.folder / "bin" / "python"
    assert environment.ensure() == environment.folder / "bin" / "python"
    assert commands.modules == ["venv", "pip"]


def test_a_changed_pin_installs_again(commands: Commands, environment: Environment) -> None:
    environment.ensure()
    environment.requirements.write_text("fastapi==1.0")
    environment.ensure()
    assert commands.modules == ["venv", "pip"] * 2


@pytest.mark.parametrize("failing", ["venv", "pip"])
def test_a_failure_says_what_to_do(commands: Commands, environment: Environment, failing: str) -> None:
    commands.failing = failing
    with pytest.raises(CommandError, match=r"the peers could not be installed: .*check the network and the disk"):
        environment.ensure()


def test_an_interrupted_installation_is_repeated(commands: Commands, environment: Environment) -> None:
    commands.failing = "pip"
    with pytest.raises(CommandError):
        environment.ensure()
    commands.failing = ""
    environment.ensure()
    assert commands.modules == ["venv", "pip"] * 2


def test_of_several_processes_one_installs(commands: Commands, environment: Environment) -> None:
    with ThreadPoolExecutor(4) as pool:
        assert set(pool.map(lambda _: environment.ensure(), range(4))) == {environment.folder / "bin" / "python"}
    assert commands.modules == ["venv", "pip"]
