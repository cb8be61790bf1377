"""The model servers behind one management address: all replicas behind the gateway, or one server without it."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from urllib.parse import quote

from scripts.client.management import Management, ManagementApiError
from scripts.client.models import VersionId
from scripts.client.predict import TINY_IMAGE, check_prediction
from scripts.common.errors import CommandError
from scripts.common.waiting import wait_until
from scripts.server.idle import wait_idle

IDLE_TIMEOUT = 5.0  # s until a version that is not idle counts as busy: more than its max_batch_delay
POLL = 0.2  # s between two checks
UNPACK_TIMEOUT = 10.0  # s until an archive whose registration was interrupted is there, or will not come


@dataclass(frozen=True)
class Replica:
    """One TorchServe.

    Args:
        address: its address behind the gateway, None for a server without one.
        management: its own management API; behind the gateway also its predictions and whether it is idle.
        inference: the inference API, which may lead to any replica.
    """

    address: str | None
    management: Management
    inference: str

    def workers(self, name: str) -> dict[str, int]:
        """Return the number of workers of each version; empty where the model is not registered."""
        try:
            return {version.version: version.min_workers for version in self.management.versions(name)}
        except ManagementApiError as error:
            if error.status != 404:
                raise
            return {}

    def default(self, name: str) -> str:
        """Return a model's default version."""
        return self.management.version(name).version

    def add(self, archive: str) -> VersionId:
        """Register an archive without waiting for its workers; an interruption leaves nothing registered."""
        before = self.management.registered_from(archive)
        try:
            return self.management.add(archive)
        except KeyboardInterrupt:
            # The server finishes the registration although the client has gone.
            for version in wait_until(lambda: self.management.registered_from(archive) - before, UNPACK_TIMEOUT, POLL):
                self.management.unregister(*version)
            raise

    def check_prediction(self, version: VersionId) -> None:
        """Send this replica one real prediction.

        Raises:
            CommandError: it fails.
        """
        if self.address is not None:
            self.management.request("POST", f"/predictions/{_path(version)}", data=TINY_IMAGE)
        else:
            check_prediction(self.inference, _path(version))

    def idle(self, version: VersionId) -> bool:
        """Whether a version has no request."""
        if self.address is None:
            return wait_idle(self.management, IDLE_TIMEOUT, version)
        try:
            self.management.request("GET", f"/idle/{_path(version)}")
        except ManagementApiError as error:
            if error.status != 503:
                raise
            return False
        return True

    def wait_idle(self, version: VersionId, timeout: float) -> bool:
        """Wait until a version has no request, and return whether it happened in time."""
        return wait_until(lambda: self.idle(version), timeout, POLL)


@dataclass(frozen=True)
class Replicas:
    """All model servers behind a management address.

    Args:
        management: the address.
        inference: the inference API.
    """

    management: Management
    inference: str

    def replicas(self) -> list[Replica]:
        """Return the servers that take requests now."""
        try:
            listed = self.management.request("GET", "/gateway/replicas.json").json()
        except ManagementApiError as error:
            if error.status != 404:
                raise
            return [Replica(None, self.management, self.inference)]
        url = self.management.url
        return [
            Replica(address, replace(self.management, url=f"{url}/gateway/replicas/{address}"), self.inference)
            for address in listed["replicas"]
        ]

    def first(self) -> Replica:
        """Return one of the replicas.

        Raises:
            CommandError: there is none.
        """
        replicas = self.replicas()
        if not replicas:
            raise CommandError("no model server takes requests: wait until one is ready, or see its log")
        return replicas[0]

    def behind_gateway(self) -> bool:
        """Whether there is a gateway."""
        return self.first().address is not None

    def each(self, step: Callable[[Replica], None]) -> None:
        """Run a step on every replica, also on those that start meanwhile.

        Raises:
            CommandError: it failed on a replica that is still there.
        """
        done: set[str | None] = set()
        while waiting := [replica for replica in self.replicas() if replica.address not in done]:
            for replica in waiting:
                try:
                    step(replica)
                except CommandError as error:
                    if replica in self.replicas():
                        raise CommandError(
                            f"replica {replica.address}: {error}" if replica.address else str(error)
                        ) from error
                done.add(replica.address)


def _path(version: VersionId) -> str:
    return "/".join(quote(part, safe="") for part in version)
