"""Whether a process is a worker, and whether it is busy."""

import os
import subprocess
import sys
from collections.abc import Iterator

import pytest

from scripts.common.errors import CommandError
from scripts.server import idle


@pytest.fixture
def spinning() -> Iterator[subprocess.Popen[bytes]]:
    """A process of which one thread, not the first, always wants a CPU."""
    program = "import threading, sys\nthreading.Thread(target=lambda: [None for _ in iter(int, 1)]).start()\nprint(1)"
    with subprocess.Popen(["nice", "-n", "19", sys.executable, "-u", "-c", program], stdout=subprocess.PIPE) as process:
        assert process.stdout
        process.stdout.read(1)
        yield process
        process.kill()


def test_a_thread_that_waits_for_a_cpu_is_busy(spinning: subprocess.Popen[bytes]) -> None:
    assert all(idle._runs(spinning.pid) for _ in range(20))
    assert not idle._runs(2**22 + 1)  # no such process


def test_an_idle_process_is_not_busy() -> None:
    with subprocess.Popen(["sleep", "60"]) as process:
        quiet = 0
        while quiet < 20:  # it runs while it starts, with waits for its file between
            quiet = 0 if idle._runs(process.pid) else quiet + 1
        process.kill()


def test_another_process_of_the_same_number_is_no_worker() -> None:
    with pytest.raises(CommandError, match="the workers run on another machine"):
        idle.require_here([os.getpid()])
    idle.require_here([2**22 + 1])  # has just ended
