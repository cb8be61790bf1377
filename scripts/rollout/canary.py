"""Has the gateway send a share of a model's requests to a new version, and tells what came of them."""

import time
from dataclasses import dataclass, field

from scripts.client.management import Management, ManagementApiError
from scripts.client.metrics import samples
from scripts.client.models import VersionId
from scripts.common.errors import CommandError
from scripts.common.waiting import wait_until

POLL = 1.0  # s between two looks; the gateway looks every other second
IN_FORCE = (
    100.0  # s until the gateway's last worker that knows it otherwise has ended: one with a request in it may stay
)


@dataclass
class VersionStats:
    """What the gateway counted of one version.

    Args:
        statuses: status -> requests.
        seconds: all their seconds together.
        buckets: upper bound in seconds -> requests that took at most as long.
    """

    statuses: dict[str, int] = field(default_factory=dict)
    seconds: float = 0.0
    buckets: dict[float, int] = field(default_factory=dict)

    @property
    def requests(self) -> int:
        """Return how many there were."""
        return sum(self.statuses.values())

    @property
    def errors(self) -> int:
        """Return how many failed on the server's side; a refused photo is not its fault."""
        return sum(count for status, count in self.statuses.items() if status.startswith("5"))

    @property
    def error_ratio(self) -> float:
        """Return the share of errors, 0 to 1."""
        return self.errors / self.requests if self.requests else 0.0

    def quantile(self, share: float) -> float:
        """Return the seconds that a share of the requests took at most, read from the buckets as Prometheus does."""
        wanted, below, least = share * self.requests, 0, 0.0
        for bound, count in sorted(self.buckets.items()):
            if count >= wanted and count > below:
                if bound == float("inf"):
                    break
                return least + (bound - least) * (wanted - below) / (count - below)
            below, least = count, (least if bound == float("inf") else bound)
        return least

    def since(self, earlier: "VersionStats") -> "VersionStats":
        """Return what was counted after an earlier look."""
        return VersionStats(
            {status: count - earlier.statuses.get(status, 0) for status, count in self.statuses.items()},
            self.seconds - earlier.seconds,
            {bound: count - earlier.buckets.get(bound, 0) for bound, count in self.buckets.items()},
        )

    def __str__(self) -> str:
        """Say it in a line."""
        if not self.requests:
            return "no requests"
        refused = sum(count for status, count in self.statuses.items() if status.startswith("4"))
        return (
            f"{self.requests} requests, {self.errors} errors ({self.error_ratio:.1%}), {refused} refused, "
            f"mean {self.seconds / self.requests:.3f} s, p50 {self.quantile(0.5):.2f} s, "
            f"p95 {self.quantile(0.95):.2f} s"
        )


@dataclass(frozen=True)
class Canary:
    """A share of a model's requests that goes to a new version.

    Args:
        gateway: the gateway's management address.
        new: the version.
        percent: the share, 1 to 99.
    """

    gateway: Management
    new: VersionId
    percent: int

    def start(self) -> None:
        """Send the share from now on."""
        self.gateway.request("PUT", f"/gateway/canary/{self.new.name}", data=self._share.encode())
        _wait(self.gateway, self.new.name, self._share)

    def watch(self, seconds: float) -> tuple[VersionStats, VersionStats]:
        """Return what came of the default version's requests and of the share, after a while.

        Args:
            seconds: how long.

        Raises:
            CommandError: the new version fails more often than the default one, or got no request.
        """
        deadline = time.monotonic() + seconds
        first = self._seen()
        while True:
            old, new = (now.since(before) for now, before in zip(self._seen(), first, strict=True))
            if _in_force(self.gateway, self.new.name) != self._share:
                raise CommandError("the gateway has lost the canary: it was started again, or somebody else changed it")
            if new.error_ratio > old.error_ratio:
                raise CommandError(f"{self.new} fails more often than the version that serves: {new}; the other: {old}")
            if time.monotonic() > deadline:
                break
            time.sleep(POLL)
        if not new.requests:
            raise CommandError(f"no request went to {self.new} in {seconds:.0f} s, so watch it for longer")
        return old, new

    @property
    def _share(self) -> str:
        return f"{self.new.version} {self.percent}"

    def _seen(self) -> tuple[VersionStats, VersionStats]:
        versions = {"default": VersionStats(), self.new.version: VersionStats()}
        for sample in samples(self.gateway.request("GET", "/gateway/metrics").text):
            labels = sample.labels
            if labels.get("model") != self.new.name or labels["version"] not in versions:
                continue
            seen = versions[labels["version"]]
            match sample.name:
                case "gateway_canary_requests_total":
                    seen.statuses[labels["status"]] = int(sample.value)
                case "gateway_canary_request_seconds_bucket":
                    seen.buckets[float(labels["le"])] = int(sample.value)
                case "gateway_canary_request_seconds_sum":
                    seen.seconds = sample.value
        return versions["default"], versions[self.new.version]


def withdraw(gateway: Management, name: str) -> None:
    """Send a share of a model's requests nowhere any longer, whoever asked for it, and wait until none is on its way.

    Args:
        gateway: the gateway's management address.
        name: the model.

    Raises:
        CommandError: the gateway does not do it.
    """
    path = f"/gateway/canary/{name}"
    try:
        # What the gateway has not taken up yet is waited for: what is in force looks the same before it and after it.
        _comes_into_force(gateway, name, gateway.request("GET", path).text.strip())
        gateway.request("DELETE", path)
    except ManagementApiError as refused:
        if refused.status != 404:  # nobody asked for one, or the gateway was started again and has forgotten it
            raise
    _wait(gateway, name, None)


def _in_force(gateway: Management, name: str) -> str | None:
    shares: dict[str, str] = gateway.request("GET", "/gateway/canaries.json").json()
    return shares.get(name)


def _comes_into_force(gateway: Management, name: str, share: str | None) -> bool:
    return wait_until(lambda: _in_force(gateway, name) == share, IN_FORCE, POLL)


def _wait(gateway: Management, name: str, share: str | None) -> None:
    if not _comes_into_force(gateway, name, share):
        raise CommandError(f"the gateway does not change the canary within {IN_FORCE:.0f} s: its log says why")
