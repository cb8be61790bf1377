"""Manages models on a running TorchServe through its management API, and waits until workers are really ready."""

import argparse
import json
import os
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

import requests

from scripts import allowed
from scripts.failure import Failure, run
from scripts.paths import MODEL_STORE

DEFAULT_URL = "http://127.0.0.1:8081"
READY_TIMEOUT = 300.0  # s; a worker loads ResNet-50 in seconds, a GPU's compiles first
POLL = 0.1  # s between two looks at a worker's state


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

    def register(self, archive: str, workers: int = 0, wait: float = READY_TIMEOUT, name: str = "") -> str:
        """Register an archive that lies in the model store, start workers and wait until they are ready.

        Args:
            archive: its file name, such as `resnet-50.mar`.
            workers: how many to start; 0 starts what its model-config.yaml says.
            wait: seconds to wait for them.
            name: the name to serve it under, "" for the archive's own.
        """
        document = self._call("POST", "/models", url=archive, model_name=name or None, synchronous="true")
        name, version = _registered(document["status"])
        if workers:  # TorchServe ignores initial_workers where the archive has a model-config.yaml
            return f"{document['status']}\n{self.scale(name, version, workers, wait)}"
        self.wait_ready(name, version, wait)
        return str(document["status"])

    def scale(self, name: str, version: str, workers: int, wait: float = READY_TIMEOUT) -> str:
        """Set the number of a version's workers and wait until as many are ready."""
        path = _path(name, version)
        document = self._call("PUT", path, min_worker=workers, max_worker=workers, synchronous="true")
        self.wait_ready(name, version, wait)
        return str(document["status"])

    def set_default(self, name: str, version: str) -> str:
        """Make a version the one that answers when a request names none."""
        return str(self._call("PUT", f"{_path(name, version)}/set-default")["status"])

    def unregister(self, name: str, version: str = "") -> str:
        """Take a version, or the default one, out of service."""
        return str(self._call("DELETE", _path(name, version))["status"])

    def wait_ready(self, name: str, version: str = "", wait: float = READY_TIMEOUT) -> None:
        """Wait until a version has all its workers and each says READY.

        Raises:
            Failure: it took too long, with the workers' states.
        """
        deadline = time.monotonic() + wait
        while True:
            model = self.describe(name, version)[0]
            states = [worker["status"] for worker in model["workers"]]
            if len(states) == int(model["minWorkers"]) and all(state == "READY" for state in states):
                return
            if time.monotonic() > deadline:
                raise Failure(
                    f"{name} has not {model['minWorkers']} workers ready after {wait:.0f} s (they are {states}): "
                    "the server's log says why"
                )
            time.sleep(POLL)

    def _call(self, method: str, path: str, **query: Any) -> Any:
        headers = {"Authorization": f"Bearer {self.token}"} if self.token else {}
        try:
            answer = self._session.request(method, self.url + path, params=query, headers=headers, timeout=self.timeout)
        except requests.RequestException as error:
            raise Failure(
                f"no management API answers at {self.url}: start the server with make serve, or name it with --url"
            ) from error
        if not answer.ok:
            raise Failure(f"the server refused (status {answer.status_code}): {_message(answer)}")
        return answer.json()


def _path(name: str, version: str = "") -> str:
    path = f"/models/{quote(name, safe='')}"
    return f"{path}/{quote(version, safe='')}" if version else path


def _registered(status: str) -> tuple[str, str]:
    """Take name and version from `Model "x" Version: 1.0 registered ...`, all that TorchServe answers."""
    words = status.split('"')
    name, rest = words[1], words[2]
    return name, rest.split("Version:")[1].split()[0] if "Version:" in rest else ""


def _message(answer: requests.Response) -> str:
    try:
        document = answer.json()
        return str(document.get("message") or document.get("detail") or document)
    except ValueError:
        return answer.text.strip() or answer.reason


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m scripts.manage", description=__doc__)
    parser.add_argument("--url", default=os.environ.get("MANAGEMENT_URL", DEFAULT_URL), help="(default %(default)s)")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("list", help="the registered models")
    describe = commands.add_parser("describe", help="one model's versions, workers and queue")
    register = commands.add_parser("register", help="register an archive that lies in the model store")
    scale = commands.add_parser("scale", help="set the number of workers")
    default = commands.add_parser("set-default", help="make a version the default")
    unregister = commands.add_parser("unregister", help="take a version out of service")
    register.add_argument("archive", help="its file name, such as resnet-50.mar")
    register.add_argument("--store", type=Path, default=MODEL_STORE, help="where it lies, for ALLOWED_SHA256")
    for command in (describe, scale, default, unregister):
        command.add_argument("name")
    describe.add_argument("version", nargs="?", default="all")
    default.add_argument("version")
    unregister.add_argument("version", nargs="?", default="")
    scale.add_argument("version", nargs="?", default="")
    scale.add_argument("--workers", type=int, required=True)
    register.add_argument("--workers", type=int, default=0, help="(default: as its model-config.yaml says)")
    for command in (register, scale):
        command.add_argument("--wait", type=float, default=READY_TIMEOUT, help="seconds (default %(default).0f)")
    return parser


def main() -> None:
    """Run the command line; a bearer token comes from MANAGEMENT_TOKEN, never from the command line."""
    given = _parser().parse_args()
    server = Management(given.url.rstrip("/"), os.environ.get("MANAGEMENT_TOKEN", ""))
    match given.command:
        case "list":
            print(json.dumps(server.models(), indent=2))
        case "describe":
            print(json.dumps(server.describe(given.name, given.version), indent=2))
        case "register":
            # The gateway asks for the same on its side; a server without it does not look.
            archive = given.store / given.archive
            if allowed.sums() or archive.is_symlink():
                allowed.require(archive)
            print(server.register(given.archive, given.workers, given.wait))
        case "scale":
            print(server.scale(given.name, given.version, given.workers, given.wait))
        case "set-default":
            print(server.set_default(given.name, given.version))
        case "unregister":
            print(server.unregister(given.name, given.version))


if __name__ == "__main__":
    run(main)
