"""Clients that others wrote, in an environment of their own, build/clients: their pins differ from this project's."""

import subprocess
from collections.abc import Mapping
from pathlib import Path

from scripts.common.environments import Environment
from scripts.common.paths import BUILD

ENVIRONMENT = Environment(BUILD / "clients", Path(__file__).with_name("requirements.txt"), "the clients to test with")


def run_example(line: str, folder: Path, places: Mapping[str, str]) -> str:
    """Run a Python program of a page in this environment, and return what it prints.

    Args:
        line: its command (tests/pages.py).
        folder: where it runs, with the files that it reads.
        places: what stands there instead of the page's addresses and names.
    """
    for documented, actual in places.items():
        line = line.replace(documented, actual)
    line = line.replace(".venv/bin/python", str(ENVIRONMENT.ensure()), 1)
    done = subprocess.run(["bash", "-c", line], capture_output=True, text=True, check=False, cwd=folder, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()
