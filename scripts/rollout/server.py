"""The server whose version a rollout replaces: behind the gateway, or one without it."""

from dataclasses import dataclass
from functools import cached_property
from urllib.parse import quote

from scripts.client.management import Management, ManagementApiError
from scripts.client.models import VersionId
from scripts.client.predict import check_prediction
from scripts.common.waiting import wait_until
from scripts.server.idle import wait_idle

IDLE_TIMEOUT = 5.0  # s until a version that is not idle counts as busy: more than its max_batch_delay
POLL = 0.2  # s between two checks
UNPACK_TIMEOUT = 10.0  # s until an archive whose registration was interrupted is there, or will not come


@dataclass(frozen=True)
class Server:
    """One TorchServe.

    Args:
        management: its management API, or the gateway's.
        inference: the inference API.
    """

    management: Management
    inference: str

    @cached_property
    def behind_gateway(self) -> bool:
        """Whether there is a gateway."""
        try:
            self.management.request("GET", "/gateway/canaries.json")
        except ManagementApiError as error:
            if error.status != 404:
                raise
            return False
        return True

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
        """Send one real prediction.

        Raises:
            CommandError: it fails.
        """
        check_prediction(self.inference, _path(version))

    def idle(self, version: VersionId) -> bool:
        """Whether a version has no request."""
        if not self.behind_gateway:
            return wait_idle(self.management, IDLE_TIMEOUT, version)
        try:
            self.management.request("GET", f"/gateway/idle/{_path(version)}")
        except ManagementApiError as error:
            if error.status != 503:
                raise
            return False
        return True

    def wait_idle(self, version: VersionId, timeout: float) -> bool:
        """Wait until a version has no request, and return whether it happened in time."""
        return wait_until(lambda: self.idle(version), timeout, POLL)


def _path(version: VersionId) -> str:
    return "/".join(quote(part, safe="") for part in version)
