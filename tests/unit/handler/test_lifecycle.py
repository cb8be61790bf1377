"""The lock that says whether a worker is busy."""

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest

from handler.lifecycle import LOCK_FILE, STOPPING_FILE, Activity, Lifecycle, activity_of
from tests.conftest import PROJECT


def test_a_worker_activity_of_while_it_holds_its_lock(tmp_path: Path) -> None:
    lifecycle = Lifecycle(tmp_path)
    assert not activity_of(tmp_path, os.getpid()).busy
    with lifecycle.busy():
        assert activity_of(tmp_path, os.getpid()).busy
    assert not activity_of(tmp_path, os.getpid()).busy


def test_batches_are_counted(tmp_path: Path) -> None:
    lifecycle = Lifecycle(tmp_path)
    for _ in range(12):
        with lifecycle.busy():
            pass
    assert activity_of(tmp_path, os.getpid()) == Activity(busy=False, batches=12)


def test_a_worker_without_a_lock_is_not_busy(tmp_path: Path) -> None:
    assert not activity_of(tmp_path, os.getpid()).busy


def test_a_worker_that_is_killed_is_not_busy(tmp_path: Path) -> None:
    code = """
import sys, pathlib
from handler.lifecycle import Lifecycle
with Lifecycle(pathlib.Path(sys.argv[1])).busy():
    print("busy", flush=True)
    sys.stdin.read()
"""
    command = [sys.executable, "-c", code, str(tmp_path)]
    with subprocess.Popen(command, cwd=PROJECT, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout
        process.stdout.readline()
        assert activity_of(tmp_path, process.pid).busy
        process.kill()
        process.wait()
    assert (tmp_path / LOCK_FILE.format(pid=process.pid)).exists()
    assert not activity_of(tmp_path, process.pid).busy


def test_a_full_disk_stops_no_worker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "pwrite", full)
    lifecycle = Lifecycle(tmp_path)
    with lifecycle.busy():
        assert activity_of(tmp_path, os.getpid()).busy
    assert not activity_of(tmp_path, os.getpid()).busy


def test_a_worker_that_cannot_make_its_lock_serves(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    lifecycle = Lifecycle(tmp_path / "gone")
    with lifecycle.busy():
        pass
    assert caplog.messages[0].startswith("this worker cannot say when it is busy: ")


def test_the_server_says_that_it_stops(tmp_path: Path) -> None:
    lifecycle = Lifecycle(tmp_path)
    assert not lifecycle.is_stopping()
    (tmp_path / STOPPING_FILE).touch()
    assert lifecycle.is_stopping()


def test_a_torchserve_without_a_run_directory() -> None:
    lifecycle = Lifecycle(None)
    assert not lifecycle.is_stopping()
    with lifecycle.busy():
        pass
