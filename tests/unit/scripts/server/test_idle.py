"""Whether processes are workers, and whether they are idle."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from handler.lifecycle import RUN_DIRECTORY
from scripts.client.management import Management
from scripts.client.models import ModelVersion, Queue, Worker
from scripts.common.errors import CommandError
from scripts.server.idle import WORKER, require_here, wait_idle
from tests.conftest import PROJECT

# Holds its lock until a line arrives, then handles short batches until the next one.
PROGRAM = """
import sys, threading
sys.path.insert(0, sys.argv[1])
from handler.lifecycle import Lifecycle
lifecycle = Lifecycle.from_environment()
with lifecycle.busy():
    print("busy", flush=True)
    sys.stdin.readline()
stopped = threading.Event()
def handle():
    while not stopped.wait(0.05):
        with lifecycle.busy():
            pass
threading.Thread(target=handle, daemon=True).start()
sys.stdin.readline()
stopped.set()
sys.stdin.readline()
"""


@contextmanager
def worker(directory: Path, environment: dict[str, str]) -> Iterator[subprocess.Popen[str]]:
    """A process that looks like a TorchServe worker and is busy."""
    program = directory / WORKER
    program.write_text(PROGRAM)
    command = [sys.executable, str(program), str(PROJECT)]
    with subprocess.Popen(
        command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
    ) as process:
        assert process.stdout
        process.stdout.readline()
        yield process
        process.kill()


def management_of(monkeypatch: pytest.MonkeyPatch, pid: int, pending: int = 0, delay: int = 1) -> Management:
    """A management API that knows one worker and one queue."""
    version = ModelVersion(
        name="m", version="1.0", archive="m.mar", min_workers=1, max_workers=1, batch_size=8, max_batch_delay=delay,
        workers=(Worker("9000", pid, "READY"),), queue=Queue(pending, 100),
    )  # fmt: skip
    monkeypatch.setattr(Management, "all_versions", lambda _: [version])
    return Management("http://127.0.0.1:9")


def test_a_busy_worker_is_waited_for(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with worker(tmp_path, os.environ | {RUN_DIRECTORY: str(tmp_path)}) as process:
        management = management_of(monkeypatch, process.pid)
        assert process.stdin
        assert not wait_idle(management, timeout=1)
        process.stdin.write("\n")
        assert not wait_idle(management, timeout=1)  # no check meets one of its short batches
        process.stdin.write("\n")
        assert wait_idle(management, timeout=30)


def test_a_queue_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    no_process = 2**22 + 1
    assert not wait_idle(management_of(monkeypatch, no_process, pending=1), timeout=0.5)
    assert wait_idle(management_of(monkeypatch, no_process), timeout=30)


def test_a_batch_that_fills_up_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """The frontend has taken its first request from the queue, and no worker has it yet."""
    no_process = 2**22 + 1
    assert not wait_idle(management_of(monkeypatch, no_process, delay=1500), timeout=1)
    assert wait_idle(management_of(monkeypatch, no_process, delay=1500), timeout=30)


def test_a_server_that_was_started_in_another_way(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    environment = dict(os.environ)
    environment.pop(RUN_DIRECTORY, None)
    with (
        worker(tmp_path, environment) as process,
        pytest.raises(CommandError, match="does not tell whether it is busy: start its server with make serve"),
    ):
        wait_idle(management_of(monkeypatch, process.pid), timeout=5)


def test_another_process_of_the_same_number_is_no_worker() -> None:
    with pytest.raises(CommandError, match="the workers run on another machine"):
        require_here([os.getpid()])
    require_here([2**22 + 1])  # has just ended
