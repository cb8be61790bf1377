"""Runs the tests of the gateway's njs modules, in Node.js."""

import shutil
import subprocess
from pathlib import Path

import pytest

from scripts.common.paths import CONFIG


def test_njs_modules(tmp_path: Path) -> None:
    node = shutil.which("node")
    if node is None:
        pytest.skip("node is not installed (Debian: apt-get install nodejs)")
    for module in [*(CONFIG / "nginx").glob("*.js"), *Path(__file__).parent.glob("*.test.js")]:
        shutil.copy(module, tmp_path)
    (tmp_path / "package.json").write_text('{"type": "module"}')
    result = subprocess.run([node, "--test", tmp_path], capture_output=True, text=True, check=False, timeout=60)
    assert result.returncode == 0, result.stdout + result.stderr
    assert "\n# fail 0\n" in result.stdout
    assert "\n# pass 0\n" not in result.stdout
