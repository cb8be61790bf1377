"""Empties a TorchServe before it is stopped: on SIGTERM it would cut every request that is not answered yet.

1. Every model is sent a prediction. A queue keeps its order, so once this one is answered, so is what came before it.
2. From then on the handlers answer 503 (`stopping`), which also ends the connection, and nobody new can connect.
3. When nothing is queued and no worker computes, nobody waits for an answer any more.
"""

import os
import signal
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import requests

from scripts.client.management import Management
from scripts.client.predict import TINY_IMAGE
from scripts.common.errors import CommandError
from scripts.server.idle import CALL_TIMEOUT, require_here, wait_idle
from scripts.server.listener import stop_listening
from scripts.server.ports import Ports

PATIENCE = 10.0  # s that requests in flight may take
RETRY = 0.01  # s until a prediction that found its queue full is sent again

Version = dict[str, Any]  # TorchServe's description of a model's version


@dataclass(frozen=True)
class Drain:
    """How one server is emptied.

    Args:
        pid: TorchServe's process.
        ports: where it listens.
        marker: the file that tells its handlers to refuse.
        management: its management API.
    """

    pid: int
    ports: Ports
    marker: Path
    management: Management

    def run(self, timeout: float) -> bool:
        """Finish what is in flight, refuse everything else, and say whether that came to an end.

        Args:
            timeout: most seconds to take. A worker that has not answered after PATIENCE is killed: TorchServe tells
                its clients (507 or 500) and starts another one, which refuses the rest of the queue.
        """
        start = time.monotonic()
        end = start + timeout
        try:
            stuck = self._finish(start + PATIENCE)
            self.marker.touch()
            stop_listening(self.pid, self.ports.inference)
            pids = _workers(stuck)
            require_here(pids)
            for pid in pids:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            return wait_idle(self.management, end - time.monotonic())
        except CommandError:
            return False  # nobody answers: nothing can be waited for

    def _versions(self) -> list[Version]:
        return replace(self.management, timeout=CALL_TIMEOUT).describe_all()

    def _finish(self, end: float) -> list[Version]:
        """Wait until all that is queued now has been answered, and return the versions where it has not."""
        versions = [one for one in self._versions() if any(worker["status"] == "READY" for worker in one["workers"])]
        with ThreadPoolExecutor(max(1, len(versions))) as pool:
            answered = list(pool.map(lambda version: self._predict(version, end), versions))
        return [version for version, done in zip(versions, answered, strict=True) if not done]

    def _predict(self, version: Version, end: float) -> bool:
        url = f"{self.ports.url(self.ports.inference)}/predictions/{version['modelName']}/{version['modelVersion']}"
        while (left := end - time.monotonic()) > 0:
            try:
                if requests.post(url, data=TINY_IMAGE, timeout=left).status_code != requests.codes.unavailable:
                    return True
            except requests.RequestException:
                return False
            time.sleep(RETRY)
        return False


def _workers(versions: list[Version]) -> list[int]:
    """Return the process ids of all workers that have been started."""
    pids = [int(worker["pid"]) for version in versions for worker in version["workers"]]
    return [pid for pid in pids if pid > 0]
