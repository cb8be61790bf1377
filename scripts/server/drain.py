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

import requests

from scripts.client.management import Management
from scripts.client.models import ModelVersion
from scripts.client.predict import TINY_IMAGE
from scripts.common.errors import CommandError
from scripts.common.waiting import wait_until
from scripts.server.idle import CALL_TIMEOUT, require_here, wait_idle
from scripts.server.listener import stop_listening
from scripts.server.ports import Ports

PATIENCE = 10.0  # s that requests in flight may take
RETRY = 0.01  # s until a prediction that found its queue full is sent again


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
            pids = [pid for version in stuck for pid in version.pids]
            require_here(pids)
            for pid in pids:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            return wait_idle(self.management, end - time.monotonic())
        except CommandError:
            return False  # nobody answers: nothing can be waited for

    def _finish(self, end: float) -> list[ModelVersion]:
        """Wait until all that is queued now has been answered, and return the versions where it has not."""
        registered = replace(self.management, timeout=CALL_TIMEOUT).all_versions()
        versions = [version for version in registered if any(worker.ready for worker in version.workers)]
        with ThreadPoolExecutor(max(1, len(versions))) as pool:
            answered = list(pool.map(lambda version: self._predict(version, end), versions))
        return [version for version, done in zip(versions, answered, strict=True) if not done]

    def _predict(self, version: ModelVersion, end: float) -> bool:
        url = f"{self.ports.url(self.ports.inference)}/predictions/{version.name}/{version.version}"

        def succeeds() -> bool:
            left = max(RETRY, end - time.monotonic())
            response = requests.post(url, data=TINY_IMAGE, timeout=left)
            return response.status_code != int(requests.codes.unavailable)

        try:
            return wait_until(succeeds, end - time.monotonic(), RETRY)
        except requests.RequestException:
            return False
