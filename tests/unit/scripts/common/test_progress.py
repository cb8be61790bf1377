"""A bar on a terminal, plain lines otherwise."""

import os
import pty
import subprocess
import sys

import pytest

from scripts.common.progress import progress
from tests.conftest import PROJECT


def test_a_line_for_each_tenth(capsys: pytest.CaptureFixture[str]) -> None:
    with progress("counting", 100) as advance:
        for done in range(101):
            advance(done)
    assert capsys.readouterr().err.splitlines() == [f"counting: {tenth} %" for tenth in range(10, 101, 10)]


def test_notes(capsys: pytest.CaptureFixture[str]) -> None:
    with progress("counting", 2) as advance:
        advance(1, "the first")
        advance(2, "the second")
    assert capsys.readouterr().err == "the first\nthe second\n"


def test_terminal() -> None:
    code = """if True:
        from scripts.common.progress import progress
        with progress("counting", 2) as advance:
            advance(1, "half [done]")
    """
    controller, terminal = pty.openpty()
    environment = os.environ | {"TERM": "xterm"}
    subprocess.run([sys.executable, "-c", code], stderr=terminal, check=True, cwd=PROJECT, env=environment)
    os.close(terminal)
    shown = os.read(controller, 65536).decode()
    os.close(controller)
    assert "half [done]" in shown
    assert "counting" in shown
    assert "1/2" in shown
