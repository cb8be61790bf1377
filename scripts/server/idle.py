"""Waits until nothing is in flight: TorchServe cuts what is not answered yet on SIGTERM and when it unregisters.

TorchServe tells how many requests are queued, but not whether a worker is busy: that shows in its process.
"""

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import psutil

from scripts.client.management import Management, ManagementApiError, UnreachableError
from scripts.common.errors import CommandError
from scripts.common.waiting import wait_until

POLL = 0.1  # s between two looks
CALL_TIMEOUT = 3.0  # s for one call: a server that hangs must not hold up its own stop
QUIET = 3  # looks in a row that must find nothing: a request is on its way from the queue to a worker for a moment
WORKER = "model_service_worker.py"  # the program of a TorchServe worker


def wait_idle(management: Management, timeout: float, name: str = "", version: str = "") -> bool:
    """Wait until no request is queued and no worker computes, and say whether that came about.

    Args:
        management: the server's management API.
        timeout: most seconds to wait.
        name: the model to look at, "" for all.
        version: its version.

    Raises:
        CommandError: the workers are not processes of this machine.
    """
    hasty = replace(management, timeout=CALL_TIMEOUT)
    quiet = 0
    used: dict[int, float] = {}

    def is_quiet() -> bool:
        nonlocal quiet, used
        queued, workers = _in_flight(hasty, name, version)
        now = {pid: _cpu_seconds(pid) for pid in workers}
        busy = queued or now != used or any(map(_runs, workers))
        quiet = 0 if busy else quiet + 1
        used = now
        return quiet == QUIET

    try:
        return wait_until(is_quiet, timeout, POLL)
    except (UnreachableError, ManagementApiError):
        return False


def require_here(pids: Iterable[int]) -> None:
    """Make sure that these are workers on this machine: a number alone may be another process of another machine.

    Raises:
        CommandError: one of them is something else.
    """
    for pid in pids:
        try:
            command = psutil.Process(pid).cmdline()
        except (psutil.NoSuchProcess, psutil.AccessDenied):
            continue
        if command and not any(word.endswith(WORKER) for word in command):
            raise CommandError("the workers run on another machine: run this there, or through the gateway")


def _in_flight(management: Management, name: str, version: str) -> tuple[int, list[int]]:
    """Return the number of queued requests and the process ids of the workers."""
    versions = [management.version(name, version)] if name else management.all_versions()
    pids = [pid for described in versions for pid in described.pids]
    require_here(pids)
    return sum(described.queue.pending for described in versions), pids


def _cpu_seconds(pid: int) -> float:
    try:
        times = psutil.Process(pid).cpu_times()
    except psutil.NoSuchProcess:
        return 0.0
    return float(times.user + times.system)


def _runs(pid: int) -> bool:
    """Say whether a thread runs or waits for a CPU: on a busy machine it may wait longer than a look takes."""
    states = []
    for stat in Path(f"/proc/{pid}/task").glob("*/stat"):
        try:
            states.append(stat.read_text().rpartition(")")[2].split()[0])
        except OSError:  # the thread has ended
            continue
    return "R" in states
