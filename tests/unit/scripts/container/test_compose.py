"""`make up` where something is missing, and the notebook's choice there."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from scripts.common.example import example_image
from scripts.common.paths import PROJECT
from scripts.notebook import walkthrough

NEEDED = ("bash", "dirname", "env", "grep", "tail", "seq", "make", "curl")


@pytest.fixture
def bare_path(tmp_path: Path) -> Path:
    """A folder of programs without docker."""
    for program in NEEDED:
        found = shutil.which(program)
        assert found, program
        (tmp_path / program).symlink_to(found)
    return tmp_path


def make_up(environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    command = ["make", "--no-print-directory", "PYTHON=python3", "up"]
    return subprocess.run(
        command, cwd=PROJECT, env=environment, capture_output=True, text=True, check=False, timeout=60
    )


def test_without_compose_it_says_what_to_install(bare_path: Path) -> None:
    result = make_up({**os.environ, "PATH": str(bare_path)})
    assert result.returncode != 0
    assert result.stderr.startswith(
        "error: neither docker compose nor docker-compose is installed: "
        "install one (Debian: apt-get install docker.io docker-compose)"
    )


def test_without_an_engine_it_says_what_to_start(bare_path: Path) -> None:
    for program in ("docker", "docker-compose"):
        (bare_path / program).write_text("#!/bin/sh\nexit 1\n")
        (bare_path / program).chmod(0o755)
    result = make_up({**os.environ, "PATH": str(bare_path)})
    assert result.returncode != 0
    assert result.stderr.startswith("error: no Docker engine responds: start it")


def test_a_token_that_every_user_can_read_is_refused(tmp_path: Path) -> None:
    shutil.copytree(PROJECT / "scripts", tmp_path / "scripts", ignore=shutil.ignore_patterns("*.py", "__pycache__"))
    environment = {**os.environ, "DOCKER_HOST": "tcp://127.0.0.1:9"}
    setting = tmp_path / ".env"

    def up(text: str, mode: int) -> str:
        setting.write_text(text)
        setting.chmod(mode)
        command = ["bash", str(tmp_path / "scripts" / "container" / "up.sh")]
        result = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=60)
        assert result.returncode == 1
        return result.stderr

    refused = "error: .env holds MANAGEMENT_TOKEN, and every user of this machine can read it: chmod 600 .env\n"
    assert up("MANAGEMENT_TOKEN=0123456789abcdef\n", 0o644) == refused
    assert up("MANAGEMENT_TOKEN=0123456789abcdef\n", 0o640) != refused
    assert up("MANAGEMENT_TOKEN=\nMODEL=\n", 0o644) != refused


def test_without_docker_the_notebook_uses_the_local_server(bare_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(bare_path))
    monkeypatch.delenv("SERVICE", raising=False)
    assert "neither docker compose nor docker-compose is installed" in str(walkthrough.missing())
    assert walkthrough.choose().kind == "the local server of make serve"


def test_offline_the_notebook_uses_the_example_image(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("PHOTO", raising=False)
    monkeypatch.setattr(walkthrough, "BUILD", tmp_path)
    monkeypatch.setattr(walkthrough, "COCO_IMAGE", "http://127.0.0.1:9/photo.jpg")
    assert walkthrough.image() == example_image()
    assert not list(tmp_path.iterdir())  # no partial download is left
