"""Leftovers of killed processes."""

import os
import subprocess
import sys
from pathlib import Path

from scripts.common.paths import remove_abandoned


def left(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_folders_of_processes_that_are_gone(tmp_path: Path) -> None:
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    for owner in (ended.pid, os.getppid(), os.getpid()):
        (tmp_path / f"server-{owner}-x").mkdir()
    (tmp_path / "other-1-x").mkdir()
    remove_abandoned(tmp_path, "server-")
    assert left(tmp_path) == sorted(["other-1-x", f"server-{os.getppid()}-x", f"server-{os.getpid()}-x"])


def test_folders_of_an_earlier_process_with_the_same_number(tmp_path: Path) -> None:
    """In a container that starts again, the server's process has the same number as before."""
    mine, earlier = tmp_path / f"server-{os.getpid()}-mine", tmp_path / f"server-{os.getpid()}-earlier"
    mine.mkdir()
    earlier.mkdir()
    remove_abandoned(tmp_path, "server-", in_use={mine})
    assert left(tmp_path) == [mine.name]
