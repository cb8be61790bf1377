"""Drains a TorchServe before it is stopped: on SIGTERM it cuts every in-flight request.

1. Every model is sent a prediction. A queue keeps its order, so once this one has a response, so have all before it.
2. From then on the handlers respond 503 (`stopping`), which also ends the connection.
3. Once the server is idle, it can be stopped. TorchServe goes on accepting connections until then, so a request that
   arrives in the last moment is cut; a gateway in front routes no requests to a server that is stopping.
"""

import os
import signal
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

import requests

from handler.timeline import NOT_LOGGED
from scripts.client.management import Management
from scripts.client.models import ModelVersion
from scripts.client.predict import TINY_IMAGE
from scripts.common.errors import CommandError
from scripts.common.waiting import wait_until
from scripts.server.idle import CALL_TIMEOUT, require_here, wait_idle
from scripts.server.ports import Ports

PATIENCE = 10.0  # s that in-flight requests may take
RETRY = 0.01  # s until a prediction that found its queue full is sent again


@dataclass(frozen=True)
class Drain:
    """How one server is drained.

    Args:
        ports: where it listens.
        stopping: the file that tells its handlers to refuse.
        management: its management API.
    """

    ports: Ports
    stopping: Path
    management: Management

    def run(self, timeout: float) -> bool:
        """Finish the in-flight requests, refuse all others, and wait until the server is idle.

        Args:
            timeout: seconds to take at most. A worker that has not responded after PATIENCE is killed: TorchServe tells
                its clients (507 or 500) and starts another one, which refuses the rest of the queue.

        Returns:
            Whether the server became idle.
        """
        start = time.monotonic()
        end = start + timeout
        try:
            stuck = self._finish(start + PATIENCE)
            self.stopping.touch()
            pids = [pid for version in stuck for pid in version.pids]
            require_here(pids)
            for pid in pids:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            return wait_idle(self.management, end - time.monotonic())
        except (CommandError, OSError):
            return False  # the server does not respond, or its run directory is gone: there is nothing to wait for

    def _finish(self, end: float) -> list[ModelVersion]:
        """Wait until all requests in the queues have a response, and return the versions where they have not."""
        registered = replace(self.management, timeout=CALL_TIMEOUT).all_versions()
        versions = [version for version in registered if any(worker.ready for worker in version.workers)]
        with ThreadPoolExecutor(max(1, len(versions))) as pool:
            finished = list(pool.map(lambda version: self._predict(version, end), versions))
        return [version for version, done in zip(versions, finished, strict=True) if not done]

    def _predict(self, version: ModelVersion, end: float) -> bool:
        url = f"{self.ports.url(self.ports.inference)}/predictions/{version.name}/{version.version}"

        def succeeds() -> bool:
            left = max(RETRY, end - time.monotonic())
            response = requests.post(url, data=TINY_IMAGE, headers=NOT_LOGGED, timeout=left)
            return response.status_code != int(requests.codes.unavailable)

        try:
            return wait_until(succeeds, end - time.monotonic(), RETRY)
        except requests.RequestException:
            return False
