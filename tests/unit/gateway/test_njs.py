"""Runs the tests of the gateway's njs modules, in Node.js."""

from pathlib import Path

from tests import njs


def test_njs_modules(tmp_path: Path) -> None:
    output = njs.run(tmp_path, "--test", str(tmp_path), beside=[*Path(__file__).parent.glob("*.js")])
    assert "\n# fail 0\n" in output
    assert "\n# pass 0\n" not in output
