"""What a worker and the server that started it tell each other: the server stops, the worker is busy.

Both stand in a directory that RUN_DIRECTORY names. A TorchServe that was started in another way has none.
"""

import fcntl
import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

logger = logging.getLogger(__name__)

RUN_DIRECTORY = "CLASSIFIER_RUN_DIRECTORY"  # environment variable
# Environment variable: the directory where workers remember over a restart what each engine reached on this machine.
TRIALS_DIRECTORY = "CLASSIFIER_TRIALS_DIRECTORY"
STOPPING_FILE = "stopping"  # exists once the workers are to refuse requests
# Held with flock(2) while that worker handles a batch, so that it goes with the process; holds the number of batches.
LOCK_FILE = "worker-{pid}.lock"


class Lifecycle:
    """One worker's view.

    Args:
        directory: the run directory; None where there is none.
    """

    def __init__(self, directory: Path | None) -> None:
        self._stopping = str(directory / STOPPING_FILE) if directory else None
        self._batches = 0
        self._lock: int | None = None  # a file descriptor, which stays open as long as the process lives
        if directory:
            try:
                self._lock = os.open(directory / LOCK_FILE.format(pid=os.getpid()), os.O_CREAT | os.O_RDWR | os.O_TRUNC)
            except OSError as error:  # a full disk: serving comes first
                logger.warning("this worker cannot say when it is busy: %s", error)

    @classmethod
    def from_environment(cls) -> "Lifecycle":
        """Take the directory from the environment variable."""
        directory = os.environ.get(RUN_DIRECTORY)
        return cls(Path(directory) if directory else None)

    @contextmanager
    def busy(self) -> Iterator[None]:
        """Hold this worker's lock in the body."""
        if self._lock is None:
            yield
            return
        fcntl.flock(self._lock, fcntl.LOCK_EX)
        try:
            self._batches += 1
            with suppress(OSError):  # on a full disk, predictions go on
                os.pwrite(self._lock, str(self._batches).encode(), 0)
            yield
        finally:
            fcntl.flock(self._lock, fcntl.LOCK_UN)

    def is_stopping(self) -> bool:
        """Whether the server is shutting down: TorchServe alone would cut the requests that still come."""
        return self._stopping is not None and os.access(self._stopping, os.F_OK)


@dataclass(frozen=True)
class Activity:
    """What a worker has done so far.

    Args:
        busy: whether it handles a batch now.
        batches: how many it has begun to handle.
    """

    busy: bool
    batches: int


def activity_of(directory: Path, pid: int) -> Activity:
    """Return what the worker with this process id has done: nothing before it has loaded its model.

    The worker of a foreign handler has no lock, and is never busy.
    """
    try:
        with (directory / LOCK_FILE.format(pid=pid)).open(encoding="utf-8") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
                busy = False
            except BlockingIOError:
                busy = True
            return Activity(busy, int(lock.read() or 0))
    except FileNotFoundError:
        return Activity(busy=False, batches=0)
