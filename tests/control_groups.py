"""A control group of this machine that may use half a CPU."""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

ROOT = Path("/sys/fs/cgroup")


@contextmanager
def half_a_cpu() -> Iterator[Path]:
    """Provide a group inside the limited one while the body runs; skip the test where this user may make none."""
    version_2 = (ROOT / "cgroup.controllers").exists()
    name, limit = ("cpu.max", "50000 100000") if version_2 else ("cpu.cfs_quota_us", "50000")
    group = (ROOT if version_2 else ROOT / "cpu") / f"classifier-test-{os.getpid()}"
    try:
        (group / "inner").mkdir(parents=True)
        (group / name).write_text(limit)
    except OSError as error:
        pytest.skip(f"this machine's control groups cannot be changed here: {error}")
    try:
        yield group / "inner"
    finally:
        (group / "inner").rmdir()
        group.rmdir()


def inside(group: Path, command: Sequence[str]) -> list[str]:
    """Return a command that runs another one in a group."""
    return ["sh", "-c", 'echo 0 >"$0/cgroup.procs" && exec "$@"', str(group), *command]
