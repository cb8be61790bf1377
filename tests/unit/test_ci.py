"""The output of .ci/run, with a `make` that only prints its arguments."""

import os
import re
import subprocess
from pathlib import Path

from tests.conftest import PROJECT

PROGRAMS = (
    "make",
    "dockerd",
    "docker-compose",
    "debootstrap",
    "promtool",
    "curl",
    "openssl",
    "node",
    "podman",
    "kubectl",
    "chromium",
    "python3.11",
)


def run_ci(folder: Path, fails: str = "none") -> subprocess.CompletedProcess[str]:
    for program in PROGRAMS:
        (folder / program).write_text(f'#!/bin/sh\necho "{program} $*"\n[ "$1" != {fails} ]\n')
        (folder / program).chmod(0o755)
    path = f"{folder}{os.pathsep}{os.environ['PATH']}"
    command = ["bash", str(PROJECT / ".ci" / "run")]
    return subprocess.run(command, capture_output=True, text=True, check=False, env=os.environ | {"PATH": path})


def stages(output: str) -> list[tuple[str, str]]:
    """Return the name and the result of each stage in the summary."""
    return re.findall(r"^(\S.*\S) +\d+ s  (\w+)$", output.partition("== summary\n")[2], re.MULTILINE)


def test_summary(tmp_path: Path) -> None:
    result = run_ci(tmp_path)
    assert result.returncode == 0
    names = ["Debian packages", "setup", "lint", "image", "test", "test-e2e", "test-kubernetes"]
    assert stages(result.stdout) == [(name, "ok") for name in names]
    assert all(f"\n== {name}\n" in result.stdout for name in names)


def test_summary_of_a_failure(tmp_path: Path) -> None:
    result = run_ci(tmp_path, fails="lint")
    assert result.returncode == 1
    assert stages(result.stdout) == [("Debian packages", "ok"), ("setup", "ok"), ("lint", "failed")]
    assert "make test" not in result.stdout


def test_lint_runs_once(tmp_path: Path) -> None:
    """`make test` runs lint, but in CI the stage before has run it already."""
    commands = re.findall(r"^make (.*)$", run_ci(tmp_path).stdout, re.MULTILINE)
    assert commands == ["setup", "lint", "--assume-old=lint test", "test-e2e", "test-kubernetes"]
    for arguments, lints in (("test", True), ("--assume-old=lint test", False)):
        dry_run = ["make", "--dry-run", *arguments.split()]
        printed = subprocess.run(dry_run, cwd=PROJECT, capture_output=True, text=True, check=True).stdout
        assert ("ruff check" in printed) == lints


def test_an_image_that_cannot_be_built(tmp_path: Path) -> None:
    result = run_ci(tmp_path, fails="-m")
    assert result.returncode == 1
    assert stages(result.stdout)[-1] == ("image", "failed")
    assert "\npython3.11 -m tests.e2e.build\n" in result.stdout  # its output
    assert "make --assume-old=lint test" not in result.stdout
