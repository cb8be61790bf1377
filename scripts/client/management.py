"""A client of TorchServe's management API: models, their versions and workers."""

import contextlib
import time
from dataclasses import dataclass, field
from typing import Any, NamedTuple
from urllib.parse import quote

import requests

from scripts.common.errors import CommandError

DEFAULT_URL = "http://127.0.0.1:8081"
READY_TIMEOUT = 300.0  # s; a worker loads ResNet-50 in seconds, a GPU's compiles first
POLL = 0.1  # s between two looks at a worker's state
PATIENCE = 120.0  # s to wait for replicas that start or stop, during which the gateway lets nothing be changed


class ManagementApiError(CommandError):
    """The server said no.

    Args:
        status: its HTTP status.
        message: its own words.
    """

    def __init__(self, status: int, message: str) -> None:
        super().__init__(f"the server refused (status {status}): {message}")
        self.status = status


class Version(NamedTuple):
    """A version of a model."""

    name: str
    version: str

    def __str__(self) -> str:
        """Say it as a person would."""
        return f"{self.name} {self.version}"


@dataclass
class Management:
    """The management API of one TorchServe.

    Args:
        url: its address.
        token: a bearer token, for a server behind the gateway.
        timeout: seconds a single call may take.
    """

    url: str = DEFAULT_URL
    token: str = ""
    timeout: float = 120.0
    _session: requests.Session = field(default_factory=requests.Session, repr=False)

    def models(self) -> list[dict[str, str]]:
        """Return every registered model's name and archive."""
        found: list[dict[str, str]] = []
        page = ""
        while True:
            document = self._call("GET", "/models", limit=100, next_page_token=page or None)
            found += document["models"]
            page = document.get("nextPageToken", "")
            if not page:
                return found

    def describe(self, name: str, version: str = "") -> list[dict[str, Any]]:
        """Return TorchServe's description of a version, of the default one, or with `all` of every one."""
        described: list[dict[str, Any]] = self._call("GET", _path(name, version))
        return described

    def describe_all(self) -> list[dict[str, Any]]:
        """Return TorchServe's description of every version of every model."""
        return [version for model in self.models() for version in self.describe(model["modelName"], "all")]

    def register(self, archive: str, workers: int = 0, wait: float = READY_TIMEOUT, name: str = "") -> Version:
        """Register an archive that lies in the model store, start workers and wait until they are ready.

        Args:
            archive: its file name, such as `resnet-50.mar`.
            workers: how many to start; 0 starts what its model-config.yaml says.
            wait: seconds to wait for them.
            name: the name to serve it under, "" for the archive's own.

        Raises:
            CommandError: refused, or its workers did not become ready; then it is unregistered again.
        """
        version = self.add(archive, name)
        try:
            if workers:  # TorchServe ignores initial_workers where the archive has a model-config.yaml
                self.set_workers(*version, workers)
            self.wait_ready(*version, wait, first_try=True)
        except BaseException:
            with contextlib.suppress(CommandError):  # what went wrong first is what is told
                self.unregister(*version)
            raise
        return version

    def add(self, archive: str, name: str = "") -> Version:
        """Register an archive and do not wait for its workers; the arguments are those of `register`."""
        before = self.registered_from(archive)
        # Synchronously, TorchServe would hold up a quarter of all connections (one of four network threads on two
        # CPUs) until the workers are there; and asynchronously it does not say what it has registered.
        self._call("POST", "/models", url=archive, model_name=name or None, synchronous="false")
        new = self.registered_from(archive) - before
        if len(new) != 1:
            raise CommandError(f"{archive} did not stay registered: the server's log says why")
        return new.pop()

    def registered_from(self, archive: str) -> set[Version]:
        """Return the versions that were registered from an archive of this file name."""
        described = self.describe_all()
        return {Version(one["modelName"], one["modelVersion"]) for one in described if one["modelUrl"] == archive}

    def scale(self, name: str, version: str, workers: int, wait: float = READY_TIMEOUT) -> None:
        """Set the number of a version's workers and wait until as many are ready."""
        self.set_workers(name, version, workers)
        self.wait_ready(name, version, wait)

    def set_workers(self, name: str, version: str, workers: int) -> None:
        """Set the number of a version's workers and do not wait for them."""
        self._call("PUT", _path(name, version), min_worker=workers, max_worker=workers, synchronous="false")

    def set_default(self, name: str, version: str) -> str:
        """Make a version the one that answers when a request names none."""
        return str(self._call("PUT", f"{_path(name, version)}/set-default")["status"])

    def unregister(self, name: str, version: str = "") -> str:
        """Take a version, or the default one, out of service."""
        return str(self._call("DELETE", _path(name, version))["status"])

    def wait_ready(self, name: str, version: str = "", wait: float = READY_TIMEOUT, *, first_try: bool = False) -> None:
        """Wait until a version has all its workers and each says READY.

        Args:
            name: the model.
            version: the version, "" for the default one.
            wait: seconds to wait.
            first_try: a worker that ends is a failure; else TorchServe may start it again.

        Raises:
            CommandError: it took too long, with the workers' states.
        """
        deadline = time.monotonic() + wait
        pids: dict[str, int] = {}
        while True:
            model = self.describe(name, version)[0]
            states = [worker["status"] for worker in model["workers"]]
            if len(states) == int(model["minWorkers"]) and all(state == "READY" for state in states):
                return
            started = {worker["id"]: worker["pid"] for worker in model["workers"] if worker["pid"] > 0}
            if first_try and any(pids.get(worker, pid) != pid for worker, pid in started.items()):
                raise CommandError(f"a worker of {name} {model['modelVersion']} ended while loading: see the log")
            pids |= started
            if time.monotonic() > deadline:
                raise CommandError(
                    f"{name} has not {model['minWorkers']} workers ready after {wait:.0f} s (they are {states}): "
                    "the server's log says why"
                )
            time.sleep(POLL)

    def request(self, method: str, path: str, data: bytes | None = None, **query: Any) -> requests.Response:
        """Send a request, and again while the gateway says that replicas are starting or stopping.

        Raises:
            CommandError: nobody answers.
            ManagementApiError: the answer is an error.
        """
        headers = {"Authorization": f"Bearer {self.token}"} if self.token else {}
        deadline = time.monotonic() + PATIENCE
        while True:
            try:
                answer = self._session.request(
                    method, self.url + path, params=query, data=data, headers=headers, timeout=self.timeout
                )
            except requests.RequestException as error:
                raise CommandError(
                    f"no management API answers at {self.url}: start the server with make serve, or name it with --url"
                ) from error
            if answer.ok:
                return answer
            if not ("Retry-After" in answer.headers and answer.status_code == 409 and time.monotonic() < deadline):
                raise ManagementApiError(answer.status_code, _message(answer))
            time.sleep(float(answer.headers["Retry-After"]))

    def _call(self, method: str, path: str, **query: Any) -> Any:
        return self.request(method, path, **query).json()


def _path(name: str, version: str = "") -> str:
    path = f"/models/{quote(name, safe='')}"
    return f"{path}/{quote(version, safe='')}" if version else path


def _message(answer: requests.Response) -> str:
    try:
        document = answer.json()
        return str(document.get("message") or document.get("detail") or document)
    except ValueError:
        return answer.text.strip() or answer.reason
