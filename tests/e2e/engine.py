"""A Docker engine for the tests: the one that runs, or one that is started here and stopped afterwards."""

import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

START_TIMEOUT = 60.0  # s until an engine answers


def answers() -> bool:
    """Say whether an engine answers."""
    if shutil.which("docker") is None:
        return False
    return subprocess.run(["docker", "info"], capture_output=True, check=False, timeout=60).returncode == 0


@contextmanager
def running(log: Path) -> Iterator[str]:
    """Give "" while an engine runs, or the reason why none does."""
    if answers():
        yield ""
        return
    missing = [program for program in ("docker", "dockerd") if shutil.which(program) is None]
    if missing:
        yield f"{missing[0]} is not installed (Debian: apt-get install docker.io docker-compose debootstrap)"
        return
    if os.geteuid() != 0:
        yield "no Docker engine answers, and only root can start one"
        return
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("wb") as output:
        engine = subprocess.Popen(["dockerd"], stdout=output, stderr=subprocess.STDOUT)
        try:
            deadline = time.monotonic() + START_TIMEOUT
            while engine.poll() is None and not answers() and time.monotonic() < deadline:
                time.sleep(0.5)
            yield "" if answers() else f"dockerd could not be started here: see {log}"
        finally:
            engine.terminate()
            engine.wait(60)
