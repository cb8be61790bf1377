"""The growth of time and memory, measured on tiny samples."""

import re

import pytest

from eda.scale import main


def test_a_row_for_each_size(capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["--sizes", "10"]) == 0
    header, _, row = capfd.readouterr().out.splitlines()
    assert header == (
        "| images | boxes | load | explore | report | CPU time in all | for an image | by the clock | peak memory |"
    )
    assert re.fullmatch(r"\| 10 \| \d+ \|( \d+\.\d s \|){3} \d+ s \| [\d,.]+ ms \| \d+ s \| [\d,]+ MiB \|", row)


def test_a_run_that_fails_says_why(capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["--sizes", "5"]) == 1
    assert "a sample needs at least" in capfd.readouterr().err
