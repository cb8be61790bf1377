"""Waits until a server is idle: TorchServe cuts in-flight requests on SIGTERM and when a model is unregistered.

TorchServe's management API tells how many requests are queued. Whether a worker handles a batch shows in a lock that
its handler holds meanwhile, and in a number of batches whether it has handled one between two checks.
"""

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import psutil

from handler.lifecycle import RUN_DIRECTORY, Activity, activity_of
from scripts.client.management import Management, ManagementApiError, UnreachableError
from scripts.client.models import VersionId
from scripts.common.errors import CommandError
from scripts.common.waiting import wait_until

POLL = 0.1  # s between two checks
CALL_TIMEOUT = 3.0  # s for one call: a server that hangs must not hold up its own stop
# Checks in a row that must find the server idle: for some milliseconds, a batch is neither in the queue nor handled,
# but on its way from the frontend to the worker, or its responses are on their way back. Before that, the first request
# of a batch is in neither for max_batch_delay, while the frontend waits for more: this takes further checks.
IDLE_CHECKS = 3
WORKER = "model_service_worker.py"  # the program of a TorchServe worker


def wait_idle(management: Management, timeout: float, version: VersionId | None = None) -> bool:
    """Wait until no request is queued and no worker handles a batch.

    Args:
        management: the server's management API.
        timeout: seconds to wait at most.
        version: the version to look at; None looks at all models.

    Returns:
        Whether the server became idle.

    Raises:
        CommandError: the workers are not processes of this machine, or not of a server that this project started.
    """
    impatient = replace(management, timeout=CALL_TIMEOUT)
    idle_checks = 0
    before: list[Activity] = []

    def is_idle() -> bool:
        nonlocal idle_checks, before
        versions = [impatient.version(*version)] if version else impatient.all_versions()
        workers = [pid for described in versions for pid in described.pids]
        require_here(workers)
        activities = [activity for activity in map(_activity, workers) if activity]
        queued = sum(described.queue.pending for described in versions)
        busy = queued or activities != before or any(activity.busy for activity in activities)
        idle_checks, before = 0 if busy else idle_checks + 1, activities
        delay = max((described.max_batch_delay for described in versions), default=0) / 1000
        return idle_checks >= IDLE_CHECKS + int(delay / POLL)

    try:
        return wait_until(is_idle, timeout, POLL)
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


def _activity(pid: int) -> Activity | None:
    try:
        directory = psutil.Process(pid).environ().get(RUN_DIRECTORY)
    except psutil.NoSuchProcess:
        return None
    except psutil.AccessDenied as error:
        raise CommandError(
            f"worker {pid} belongs to another user: run this as the one who started the server"
        ) from error
    if not directory:
        raise CommandError(
            f"worker {pid} does not tell whether it is busy: start its server with make serve or the container image"
        )
    return activity_of(Path(directory), pid)
