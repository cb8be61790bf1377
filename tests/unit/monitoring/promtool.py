"""Runs promtool."""

import shutil
import subprocess
from pathlib import Path

import pytest


def run(*command: str | Path, stdin: str | None = None, folder: Path | None = None) -> subprocess.CompletedProcess[str]:
    """Run promtool, in a folder; skip the test without it."""
    if shutil.which("promtool") is None:
        pytest.skip("promtool is not installed (Debian: apt-get install prometheus)")
    return subprocess.run(["promtool", *command], input=stdin, capture_output=True, text=True, check=False, cwd=folder)


def complaints(exposition: str) -> set[tuple[str, str]]:
    """Return what `promtool check metrics` says about an exposition: pairs of a name and a complaint."""
    result = run("check", "metrics", stdin=exposition)
    found = [line.partition(" ") for line in result.stderr.splitlines() if line]
    assert (result.returncode == 0) == (not found), result.stderr
    return {(name, complaint) for name, _, complaint in found}
