"""A Docker engine for the tests: the running one, or one that is started here and stopped afterwards."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from scripts.common.waiting import wait_until

START_TIMEOUT = 60.0  # s


class NoEngineError(Exception):
    """No Docker engine runs, and none can be started."""


def is_running() -> bool:
    """Say whether a Docker engine responds."""
    if shutil.which("docker") is None:
        return False
    return subprocess.run(["docker", "info"], capture_output=True, check=False, timeout=60).returncode == 0


@contextmanager
def running(log: Path) -> Iterator[int | None]:
    """Provide a running engine: the process id of one that is started here, else None.

    Args:
        log: the file for the output of an engine that is started here.

    Raises:
        NoEngineError: there is none.
    """
    if is_running():
        yield None
        return
    missing = [program for program in ("docker", "dockerd") if shutil.which(program) is None]
    if missing:
        raise NoEngineError(
            f"{missing[0]} is not installed (Debian: apt-get install docker.io docker-compose debootstrap)"
        )
    if os.geteuid() != 0:
        raise NoEngineError("no Docker engine responds, and only root can start one")
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("wb") as output:
        engine = subprocess.Popen(["dockerd"], stdout=output, stderr=subprocess.STDOUT)
        try:
            wait_until(lambda: is_running() or engine.poll() is not None, START_TIMEOUT)
            if not is_running():
                raise NoEngineError(f"dockerd could not be started: see {log}")
            yield engine.pid
        finally:
            engine.terminate()
            engine.wait(60)
