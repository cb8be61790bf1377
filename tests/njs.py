"""The gateway's njs modules in Node.js, which runs them much as nginx does."""

import shutil
import subprocess
from pathlib import Path

import pytest

from scripts.common.paths import CONFIG


def node() -> str:
    """Return the path of Node.js."""
    found = shutil.which("node")
    if found is None:
        pytest.skip("node is not installed (Debian: apt-get install nodejs)")
    return found


def run(folder: Path, *arguments: str, beside: list[Path]) -> str:
    """Run Node.js in a folder with a copy of the modules and of the files beside them, and return its output."""
    for module in [*(CONFIG / "nginx").glob("*.js"), *beside]:
        shutil.copy(module, folder)
    (folder / "package.json").write_text('{"type": "module"}')
    result = subprocess.run([node(), *arguments], cwd=folder, capture_output=True, text=True, check=False, timeout=60)
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout
