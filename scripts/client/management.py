"""A client of TorchServe's management API: models, their versions and workers."""

import contextlib
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

import requests

from scripts.client.models import ModelVersion, RegisteredModel, VersionId, labels_of
from scripts.common.errors import CommandError
from scripts.common.waiting import wait_until

DEFAULT_URL = "http://127.0.0.1:8081"
PAGE = 100  # models in one response
READY_TIMEOUT = 300.0  # s; a worker loads ResNet-50 in seconds, a GPU's compiles first
POLL = 0.1  # s between two checks of a worker's status


class UnreachableError(CommandError):
    """No management API responds."""


class ManagementApiError(CommandError):
    """The management API refused a request.

    Args:
        status: the HTTP status.
        message: the message in the response.
    """

    def __init__(self, status: int, message: str) -> None:
        super().__init__(f"the server refused (status {status}): {message}")
        self.status = status


@dataclass
class Management:
    """The management API of one TorchServe.

    Args:
        url: its address.
        token: a bearer token, for a server behind the gateway; None sends none.
        timeout: seconds a single call may take.
    """

    url: str = DEFAULT_URL
    token: str | None = None
    timeout: float = 120.0
    _session: requests.Session = field(default_factory=requests.Session, repr=False)

    def models(self) -> list[RegisteredModel]:
        """Return the registered models."""
        found: list[RegisteredModel] = []
        page = None
        while True:
            document = self._call("GET", "/models", limit=PAGE, next_page_token=page)
            found += map(RegisteredModel.from_json, document["models"])
            page = document.get("nextPageToken")
            if not page:
                return found

    def versions(self, name: str) -> list[ModelVersion]:
        """Return every version of a model."""
        return self._describe(name, "all")

    def version(self, name: str, version: str | None = None) -> ModelVersion:
        """Return one version of a model; None takes the default one."""
        (described,) = self._describe(name, version)
        return described

    def labels(self, name: str, version: str) -> tuple[str, ...]:
        """Return the class names of a version in index order, as a worker tells them."""
        (described,) = self._call("GET", _path(name, version), customized="true")
        return labels_of(described)

    def all_versions(self) -> list[ModelVersion]:
        """Return every version of every model."""
        return [version for model in self.models() for version in self.versions(model.name)]

    def registered_from(self, archive: str) -> set[VersionId]:
        """Return the versions that were registered from an archive of this file name."""
        return {version.id for version in self.all_versions() if version.archive == archive}

    def register(
        self, archive: str, workers: int = 0, wait: float = READY_TIMEOUT, name: str | None = None
    ) -> VersionId:
        """Register an archive of the model store, start workers and wait until they are ready.

        Args:
            archive: its file name, such as `resnet-50.mar`.
            workers: how many to start; 0 starts what its model-config.yaml says.
            wait: seconds to wait for them.
            name: the name to serve it under; None takes the archive's own.

        Raises:
            CommandError: the server refused, or the workers did not become ready; then it is unregistered again.
        """
        version = self.add(archive, name)
        try:
            if workers:  # TorchServe ignores initial_workers where the archive has a model-config.yaml
                self.set_workers(*version, workers)
            self.wait_ready(*version, wait, allow_restarts=False)
        except BaseException:
            with contextlib.suppress(CommandError):  # report the first error
                self.unregister(*version)
            raise
        return version

    def add(self, archive: str, name: str | None = None) -> VersionId:
        """Register an archive without waiting for its workers; the arguments are those of `register`."""
        before = self.registered_from(archive)
        # A synchronous registration would block a quarter of all connections (one of four network threads on two
        # CPUs) until the workers are up; the response to an asynchronous one does not name what was registered.
        self._call("POST", "/models", url=archive, model_name=name, synchronous="false")
        new = self.registered_from(archive) - before
        if len(new) != 1:
            raise CommandError(f"{archive} did not stay registered: the server's log says why")
        return new.pop()

    def scale(self, name: str, version: str | None, workers: int, wait: float = READY_TIMEOUT) -> None:
        """Set the number of a version's workers and wait until they are ready."""
        self.set_workers(name, version, workers)
        self.wait_ready(name, version, wait)

    def set_workers(self, name: str, version: str | None, workers: int) -> None:
        """Set the number of a version's workers without waiting for them."""
        self._call("PUT", _path(name, version), min_worker=workers, max_worker=workers, synchronous="false")

    def set_default(self, name: str, version: str) -> str:
        """Make a version the default one, which serves requests that name no version."""
        return str(self._call("PUT", f"{_path(name, version)}/set-default")["status"])

    def unregister(self, name: str, version: str | None = None) -> str:
        """Unregister a version; None takes the default one."""
        return str(self._call("DELETE", _path(name, version))["status"])

    def wait_ready(
        self, name: str, version: str | None = None, wait: float = READY_TIMEOUT, *, allow_restarts: bool = True
    ) -> None:
        """Wait until all workers of a version are READY.

        Args:
            name: the model.
            version: the version; None takes the default one.
            wait: seconds to wait.
            allow_restarts: keep waiting for a worker that ended and that TorchServe starts again.

        Raises:
            CommandError: a worker ended, or the time is up; the message holds the workers' statuses.
        """
        pids: dict[str, int] = {}

        def check() -> ModelVersion:
            model = self.version(name, version)
            started = {worker.id: worker.pid for worker in model.workers if worker.pid > 0}
            if not allow_restarts and any(pids.get(worker, pid) != pid for worker, pid in started.items()):
                raise CommandError(
                    f"a worker of {model.id} ended while loading: the server's log says why, in a line with "
                    "'the model cannot be loaded'"
                )
            pids.update(started)
            return model

        model = wait_until(check, wait, POLL, lambda model: model.ready)
        if not model.ready:
            raise CommandError(
                f"{name} has not {model.min_workers} workers ready after {wait:.0f} s (they are {model.statuses}): "
                "the server's log says why"
            )

    def request(self, method: str, path: str, data: bytes | None = None, **query: Any) -> requests.Response:
        """Send a request.

        Raises:
            UnreachableError: no server responds.
            ManagementApiError: the response is an error.
        """
        headers = {"Authorization": f"Bearer {self.token}"} if self.token else {}
        try:
            response = self._session.request(
                method, self.url + path, params=query, data=data, headers=headers, timeout=self.timeout
            )
        except requests.RequestException as error:
            raise UnreachableError(
                f"no management API responds at {self.url}: start the server with make serve, or name it with --url"
            ) from error
        if not response.ok:
            raise ManagementApiError(response.status_code, _message(response))
        return response

    def _describe(self, name: str, version: str | None) -> list[ModelVersion]:
        return [ModelVersion.from_json(document) for document in self._call("GET", _path(name, version))]

    def _call(self, method: str, path: str, **query: Any) -> Any:
        return self.request(method, path, **query).json()


def _path(name: str, version: str | None = None) -> str:
    path = f"/models/{quote(name, safe='')}"
    return f"{path}/{quote(version, safe='')}" if version else path


def _message(response: requests.Response) -> str:
    try:
        document = response.json()
        return str(document.get("message") or document.get("detail") or document)
    except ValueError:
        return response.text.strip() or response.reason
