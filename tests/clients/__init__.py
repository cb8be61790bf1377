"""Clients that others wrote, in an environment of their own, build/clients: their pins differ from this project's."""

import shutil
import subprocess
from collections.abc import Mapping
from functools import cache
from pathlib import Path

import pytest
from filelock import FileLock

from scripts.common.environments import Environment
from scripts.common.paths import BUILD

ENVIRONMENT = Environment(BUILD / "clients", Path(__file__).with_name("requirements.txt"), "the clients to test with")
JAVASCRIPT = Path(__file__).with_name("javascript")


@cache
def node_modules() -> Path:
    """Return the folder with the packages of tests/clients/javascript, which it installs; skip the test without npm."""
    if shutil.which("npm") is None:
        pytest.skip("npm is not installed (it comes with Node.js, in Debian in a package of its own)")
    folder, lock = BUILD / "clients-javascript", JAVASCRIPT / "package-lock.json"
    BUILD.mkdir(exist_ok=True)
    with FileLock(folder.with_suffix(".lock")):
        installed = folder / lock.name
        if not installed.is_file() or installed.read_bytes() != lock.read_bytes():
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir()
            shutil.copy(JAVASCRIPT / "package.json", folder)
            shutil.copy(lock, folder)
            command = ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"]
            subprocess.run(command, cwd=folder, check=True, capture_output=True, timeout=120)
    return folder / "node_modules"


def run_example(line: str, folder: Path, places: Mapping[str, str]) -> str:
    """Run a program of a page with these clients, and return what it prints.

    Args:
        line: its command (tests/pages.py).
        folder: where it runs, with the files that it reads.
        places: what stands there instead of the page's addresses and names.
    """
    for documented, actual in places.items():
        line = line.replace(documented, actual)
    if line.startswith("node "):
        (folder / "node_modules").symlink_to(node_modules())
    else:
        line = line.replace(".venv/bin/python", str(ENVIRONMENT.ensure()), 1)
    done = subprocess.run(["bash", "-c", line], capture_output=True, text=True, check=False, cwd=folder, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()
