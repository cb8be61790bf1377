"""Whether a server is ready: each model's default version has all its workers, and a prediction succeeds."""

import math
import threading
import time
from collections import Counter
from collections.abc import Callable
from functools import partial

import requests

from handler.timeline import NOT_LOGGED
from scripts.client.management import Management
from scripts.client.models import ModelVersion, VersionId
from scripts.client.predict import TINY_IMAGE
from scripts.common.errors import CommandError
from scripts.server.idle import wait_idle

POLL = 1.0  # s between two checks; a worker takes at least as long to restart
PREDICTION_TIMEOUT = 5.0  # s for the one small prediction of a check
MAX_AGE = 2.0  # s that the result of a check is kept: checks must not load the server
NOT_ACCEPTING = "the server is starting or stopping"
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
        self._labels: dict[VersionId, tuple[tuple[int, ...], tuple[str, ...]]] = {}  # and the workers that told them
        self._pids: dict[tuple[VersionId, str], int] = {}
        self._updating = threading.Lock()  # a check updates too, beside the watching thread
        self._lock = threading.Lock()
        self._checked: dict[VersionId | None, tuple[float, str | None]] = {}  # when, and what was wrong

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
        return self._recent(None, self._check)

    def problem_of(self, version: ModelVersion) -> str | None:
        """Return why a version is not ready, None if it is; checked at most every MAX_AGE seconds."""
        return self._recent(version.id, partial(self._check_version, version))

    def find(self, name: str, version: str | None = None) -> ModelVersion | None:
        """Return a registered version, of None the default one, as of the last update; None if there is none."""
        asked = [each for each in self.versions if each.name == name]
        return next(
            (each for each in asked if each.version == version or (not version and self.is_default(each))), None
        )

    def served(self) -> list[str]:
        """Return the names of the models that a request without a version can reach; read at most POLL seconds ago."""
        return sorted(version.name for version in self._default_versions() if version.workers)

    def is_default(self, version: ModelVersion) -> bool:
        """Whether requests without a version go to this one, as of the last update."""
        return version.id in self._defaults

    def missing_workers(self) -> str | None:
        """Return which default version lacks READY workers, as of the last update; None if none does."""
        if not self.versions:
            return "no model is registered, or the management API does not respond"
        return next(filter(None, map(_missing_workers, self._default_versions())), None)

    def labels(self, version: ModelVersion) -> tuple[str, ...]:
        """Return a version's class names in index order; a worker is asked once in its life.

        Raises:
            CommandError: no worker has told them.
        """
        told_by, labels = self._labels.get(version.id, (None, ()))
        if told_by != version.pids:
            labels = self._management.labels(*version.id)
            self._labels[version.id] = version.pids, labels
        return labels

    def idle(self, name: str, version: str) -> bool:
        """Whether a version is idle, which a rollout waits for."""
        return wait_idle(self._management, IDLE_TIMEOUT, VersionId(name, version))

    def _recent(self, key: VersionId | None, check: Callable[[], str | None]) -> str | None:
        with self._lock:
            checked, problem = self._checked.get(key, (-math.inf, None))
            if time.monotonic() - checked >= MAX_AGE:
                problem = check()
                self._checked[key] = time.monotonic(), problem
            return problem

    def _check(self) -> str | None:
        if not self.accepting.is_set():
            return NOT_ACCEPTING
        self.update()
        # An operator may have scaled a model to no worker.
        names = [version.name for version in self._default_versions() if version.workers]
        return self.missing_workers() or next(filter(None, map(self._failed_prediction, names)), None)

    def _check_version(self, version: ModelVersion) -> str | None:
        if not self.accepting.is_set():
            return NOT_ACCEPTING
        if not version.workers:
            return f"{version.id} has no worker"
        return _missing_workers(version) or self._failed_prediction(f"{version.name}/{version.version}")

    def _default_versions(self) -> list[ModelVersion]:
        """Return the versions whose state matters: others are being rolled out or kept."""
        return list(filter(self.is_default, self.versions))

    def _failed_prediction(self, model: str) -> str | None:
        """Return why a prediction fails, None if it succeeds.

        Args:
            model: its name, or `name/version`.
        """
        try:
            url = f"{self._inference_url}/predictions/{model}"
            response = requests.post(url, data=TINY_IMAGE, headers=NOT_LOGGED, timeout=PREDICTION_TIMEOUT)
        except requests.RequestException as error:
            return f"{model} does not respond to a prediction: {type(error).__name__}"
        return None if response.ok else f"{model} responds to a prediction with status {response.status_code}"


def _missing_workers(version: ModelVersion) -> str | None:
    if version.ready:
        return None
    return f"the workers of {version.name} are {version.statuses}, and {version.min_workers} should be READY"
