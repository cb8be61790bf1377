"""Whether a server is ready: each model's default version has all its workers, and a prediction succeeds."""

import threading
import time
from collections import Counter

import requests

from scripts.client.management import Management
from scripts.client.models import ModelVersion, VersionId
from scripts.client.predict import TINY_IMAGE
from scripts.common.errors import CommandError
from scripts.server.idle import wait_idle

POLL = 1.0  # s between two checks; a worker takes at least as long to restart
PREDICTION_TIMEOUT = 5.0  # s for the one small prediction of a check
MAX_AGE = 2.0  # s that the result of a check is kept: checks must not load the server
IDLE_TIMEOUT = 5.0  # s until a version that is not idle counts as busy: more than its max_batch_delay


class Readiness:
    """Watches one TorchServe.

    Args:
        management: its management API.
        inference_url: its inference address.
    """

    def __init__(self, management: Management, inference_url: str) -> None:
        self.accepting = threading.Event()  # set while requests should be sent here
        self.versions: list[ModelVersion] = []
        self.restarts: Counter[VersionId] = Counter()
        self._management = management
        self._inference_url = inference_url
        self._defaults: set[VersionId] = set()
        self._pids: dict[tuple[VersionId, str], int] = {}
        self._updating = threading.Lock()  # a check updates too, beside the watching thread
        self._lock = threading.Lock()
        self._checked = -MAX_AGE
        self._problem: str | None = None

    def watch(self, stopped: threading.Event) -> None:
        """Update the figures until the event is set, in a thread of its own."""
        while not stopped.is_set():
            self.update()
            stopped.wait(POLL)

    def update(self) -> None:
        """Read versions, queues and workers from the management API; there are none while it does not respond."""
        try:
            names = [model.name for model in self._management.models()]
            versions = [version for name in names for version in self._management.versions(name)]
            defaults = {self._management.version(name).id for name in names}
        except CommandError:
            versions, defaults = [], set()
        with self._updating:
            for version in versions:
                for worker in version.workers:
                    if worker.pid <= 0:  # not started yet
                        continue
                    before = self._pids.get((version.id, worker.id), worker.pid)
                    self.restarts[version.id] += before != worker.pid
                    self._pids[version.id, worker.id] = worker.pid
            self.versions, self._defaults = versions, defaults

    def problem(self) -> str | None:
        """Return why the server is not ready, None if it is; checked at most every MAX_AGE seconds."""
        with self._lock:
            if time.monotonic() - self._checked >= MAX_AGE:
                self._problem = self._check()
                self._checked = time.monotonic()
            return self._problem

    def served(self) -> list[str]:
        """Return the names of the models that a request without a version can reach; read at most POLL seconds ago."""
        versions = [version for version in self.versions if version.id in self._defaults and version.workers]
        return sorted(version.name for version in versions)

    def missing_workers(self) -> str | None:
        """Return which default version lacks READY workers, as of the last update; None if none does."""
        if not self.versions:
            return "no model is registered, or the management API does not respond"
        return next(filter(None, map(_missing_workers, self._default_versions())), None)

    def idle(self, name: str, version: str) -> bool:
        """Whether a version is idle, which a rollout waits for."""
        return wait_idle(self._management, IDLE_TIMEOUT, VersionId(name, version))

    def _check(self) -> str | None:
        if not self.accepting.is_set():
            return "the server is starting or stopping"
        self.update()
        return self.missing_workers() or next(
            filter(None, map(self._failed_prediction, self._default_versions())), None
        )

    def _default_versions(self) -> list[ModelVersion]:
        """Return the versions whose state matters: others are being rolled out or kept."""
        return [version for version in self.versions if version.id in self._defaults]

    def _failed_prediction(self, version: ModelVersion) -> str | None:
        if not version.workers:
            return None  # an operator has scaled it to no worker
        url = f"{self._inference_url}/predictions/{version.name}"
        try:
            response = requests.post(url, data=TINY_IMAGE, timeout=PREDICTION_TIMEOUT)
        except requests.RequestException as error:
            return f"{version.name} does not respond to a prediction: {type(error).__name__}"
        return None if response.ok else f"{version.name} responds to a prediction with status {response.status_code}"


def _missing_workers(version: ModelVersion) -> str | None:
    if version.ready:
        return None
    return f"the workers of {version.name} are {version.statuses}, and {version.min_workers} should be READY"
