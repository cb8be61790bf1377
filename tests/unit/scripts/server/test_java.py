"""Finding a Java runtime."""

import os
from pathlib import Path

import pytest

from scripts.common.errors import CommandError
from scripts.server import java


def fake_java(path: Path, version: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\necho 'openjdk version \"{version}\" 2025-01-01' >&2\n")
    path.chmod(0o755)
    return path


@pytest.mark.parametrize(("text", "major"), [("17.0.15", 17), ("25", 25), ("1.8.0_402", 8), ("21-ea", 21)])
def test_version(tmp_path: Path, text: str, major: int) -> None:
    assert java.version(fake_java(tmp_path / "java", text)) == major


def test_version_of_a_missing_program(tmp_path: Path) -> None:
    assert java.version(tmp_path / "none") == 0


def test_java_home_comes_first_unless_it_is_too_old(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    new = fake_java(tmp_path / "path" / "java", "17.0.1")
    monkeypatch.setenv("PATH", str(new.parent), prepend=os.pathsep)
    monkeypatch.setenv("JAVA_HOME", str(fake_java(tmp_path / "home" / "bin" / "java", "21.0.1").parent.parent))
    assert java.find() == tmp_path / "home" / "bin" / "java"
    monkeypatch.setenv("JAVA_HOME", str(fake_java(tmp_path / "old" / "bin" / "java", "1.8.0").parent.parent))
    assert java.find() == new


def test_no_java(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(java, "_candidates", list)
    with pytest.raises(CommandError, match="no Java 17 or later was found: run make setup with a network, or install"):
        java.find()


def test_this_environment_has_java() -> None:
    assert java.version(java.find()) >= java.MIN_VERSION
