"""The TorchServes behind one management address: all replicas behind the gateway, or the one server that it is."""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from urllib.parse import quote

from scripts.client.management import Management, ManagementApiError, Version
from scripts.client.predict import TINY_IMAGE, check_prediction
from scripts.common.errors import CommandError
from scripts.server.idle import wait_idle

LOOK = 2.0  # s for one look whether a version is idle
POLL = 0.2  # s between two looks
UNPACK = 10.0  # s after which an archive whose registration was interrupted is there, or will not come


@dataclass(frozen=True)
class Replica:
    """One TorchServe.

    Args:
        address: its address behind the gateway, "" for a server without one.
        management: its own management API; behind the gateway also its predictions and whether it is idle.
        inference: the address for predictions, which leads to any of the replicas.
    """

    address: str
    management: Management
    inference: str

    def versions(self, name: str) -> dict[str, int]:
        """Return the wanted workers of each version of a model; none where the model is not registered."""
        try:
            return {one["modelVersion"]: int(one["minWorkers"]) for one in self.management.describe(name, "all")}
        except ManagementApiError as refused:
            if refused.status != 404:
                raise
            return {}

    def default(self, name: str) -> str:
        """Return the version that answers when a request names none."""
        return str(self.management.describe(name)[0]["modelVersion"])

    def add(self, archive: str) -> Version:
        """Register an archive and do not wait for its workers; whoever interrupts that leaves nothing registered."""
        before = self.management.registered_from(archive)
        try:
            return self.management.add(archive)
        except KeyboardInterrupt:
            # The server finishes what it was asked for, whether or not somebody waits for its answer.
            deadline = time.monotonic() + UNPACK
            while not (new := self.management.registered_from(archive) - before) and time.monotonic() < deadline:
                time.sleep(POLL)
            for version in new:
                self.management.unregister(*version)
            raise

    def check_prediction(self, version: Version) -> None:
        """Ask this replica for one real prediction.

        Raises:
            CommandError: it does not answer it.
        """
        if self.address:
            self.management.request("POST", f"/predictions/{_path(version)}", data=TINY_IMAGE)
        else:
            check_prediction(self.inference, _path(version))

    def idle(self, version: Version) -> bool:
        """Say whether nothing is in flight in a version."""
        if not self.address:
            return wait_idle(self.management, LOOK, *version)
        try:
            self.management.request("GET", f"/idle/{_path(version)}")
        except ManagementApiError as refused:
            if refused.status != 503:
                raise
            return False
        return True

    def wait_idle(self, version: Version, timeout: float) -> bool:
        """Wait until nothing is in flight in a version, and say whether that came about.

        Args:
            version: the version.
            timeout: most seconds to wait.
        """
        deadline = time.monotonic() + timeout
        while not self.idle(version):
            if time.monotonic() > deadline:
                return False
            time.sleep(POLL)
        return True


@dataclass(frozen=True)
class Replicas:
    """All TorchServes behind a management address.

    Args:
        management: the address.
        inference: the address for predictions.
    """

    management: Management
    inference: str

    def replicas(self) -> list[Replica]:
        """Return the TorchServes that take requests now."""
        try:
            listed = self.management.request("GET", "/gateway/replicas.json").json()
        except ManagementApiError as refused:
            if refused.status != 404:
                raise
            return [Replica("", self.management, self.inference)]
        url = self.management.url
        return [
            Replica(one, replace(self.management, url=f"{url}/gateway/replicas/{one}"), self.inference)
            for one in listed["replicas"]
        ]

    def first(self) -> Replica:
        """Return one of them.

        Raises:
            CommandError: there is none.
        """
        replicas = self.replicas()
        if not replicas:
            raise CommandError("no model server takes requests: wait until one is ready, or see its log")
        return replicas[0]

    def behind_gateway(self) -> bool:
        """Say whether there is a gateway."""
        return bool(self.first().address)

    def each(self, step: Callable[[Replica], None]) -> None:
        """Do something on every replica, also on those that come meanwhile.

        Raises:
            CommandError: it failed on a replica that is still there.
        """
        done: set[str] = set()
        while waiting := [replica for replica in self.replicas() if replica.address not in done]:
            for replica in waiting:
                try:
                    step(replica)
                except CommandError as failure:
                    if replica in self.replicas():
                        raise CommandError(
                            f"replica {replica.address}: {failure}" if replica.address else str(failure)
                        ) from failure
                done.add(replica.address)


def _path(version: Version) -> str:
    return "/".join(quote(part, safe="") for part in version)
