"""Waits until a TorchServe has nothing in flight: on SIGTERM it would cut every request that is not answered yet."""

import time
from dataclasses import replace

import psutil

from scripts.failure import Failure
from scripts.manage import Management

POLL = 0.1  # s between two looks
CALL_TIMEOUT = 3.0  # s for one call: a server that hangs must not hold up its own stop
QUIET = 3  # looks in a row that must find nothing: a request is on its way from the queue to a worker for a moment


def drain(management: Management, timeout: float) -> bool:
    """Wait until no request is queued and no worker computes, and say whether that came about.

    TorchServe tells how many requests are queued, but not whether a worker is busy: that shows in the CPU time that
    its process uses.

    Args:
        management: the server's management API.
        timeout: most seconds to wait.
    """
    deadline = time.monotonic() + timeout
    hasty = replace(management, timeout=CALL_TIMEOUT)
    quiet = 0
    used: dict[int, float] = {}
    while quiet < QUIET:
        if time.monotonic() > deadline:
            return False
        try:
            queued, workers = _in_flight(hasty)
        except Failure:
            return False  # nobody answers: nothing can be waited for
        now = {pid: _cpu_seconds(pid) for pid in workers}
        quiet = quiet + 1 if not queued and now == used else 0
        used = now
        time.sleep(POLL)
    return True


def _in_flight(management: Management) -> tuple[int, list[int]]:
    """Return the number of queued requests and the process ids of all workers."""
    queued, pids = 0, []
    for model in management.models():
        for version in management.describe(model["modelName"], "all"):
            queued += int(version["jobQueueStatus"]["pendingRequests"])
            started = (int(worker["pid"]) for worker in version["workers"])
            pids += [pid for pid in started if pid > 0]
    return queued, pids


def _cpu_seconds(pid: int) -> float:
    try:
        times = psutil.Process(pid).cpu_times()
    except psutil.NoSuchProcess:
        return 0.0
    return float(times.user + times.system)
