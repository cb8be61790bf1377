"""How TorchServe's process is prepared; what it does then is in tests/integration."""

import subprocess
import sys
from pathlib import Path

import pytest

from scripts.server import jvm, torchserve

PR_GET_PDEATHSIG, PR_GET_TIMERSLACK = 2, 30  # of prctl(2)


def test_the_process_ends_with_its_parent_and_wakes_up_in_time() -> None:
    said = f"""
import ctypes
death = ctypes.c_int()
ctypes.CDLL(None).prctl({PR_GET_PDEATHSIG}, ctypes.byref(death))
print(death.value, ctypes.CDLL(None).prctl({PR_GET_TIMERSLACK}))
"""
    done = subprocess.run(
        [sys.executable, "-c", said],
        preexec_fn=torchserve._before_start,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.split() == ["15", "1"]


def test_java_counts_the_cpus_that_the_workers_count(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(jvm, "cpus", lambda: 3)
    assert "-XX:ActiveProcessorCount=3" in jvm.command(tmp_path / "java", tmp_path, tmp_path)
