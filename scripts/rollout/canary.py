"""Has the gateway send a share of a model's requests to a new version, and reports the outcome."""

import re
import time
from dataclasses import dataclass, field

from scripts.client.management import Management, ManagementApiError
from scripts.client.metrics import samples
from scripts.client.models import VersionId
from scripts.common.errors import CommandError
from scripts.common.waiting import wait_until

POLL = 1.0  # s between two checks
# s for the requests that the canary has when it ends: a client that sends its image byte by byte must not hold up a
# rollout, and gets a 404 instead once the version is gone.
REQUESTS_TIMEOUT = 30.0


@dataclass
class VersionStats:
    """The gateway's figures of one version.

    Args:
        statuses: status -> requests.
        seconds: sum of their durations.
        buckets: upper bound in seconds -> requests within it.
    """

    statuses: dict[str, int] = field(default_factory=dict)
    seconds: float = 0.0
    buckets: dict[float, int] = field(default_factory=dict)

    @property
    def requests(self) -> int:
        return sum(self.statuses.values())

    @property
    def errors(self) -> int:
        """Requests with a 5xx, but for `504 deadline-exceeded`: that, like a 4xx, is up to the client."""
        return sum(count for status, count in self.statuses.items() if re.fullmatch(r"5\d\d", status))

    @property
    def error_ratio(self) -> float:
        """Share of errors, 0 to 1."""
        return self.errors / self.requests if self.requests else 0.0

    def quantile(self, share: float) -> float:
        """Return a quantile of the durations in seconds, interpolated like Prometheus' `histogram_quantile`."""
        rank, below, lower = share * self.requests, 0, 0.0
        for bound, count in sorted(self.buckets.items()):
            if count >= rank and count > below:
                if bound == float("inf"):
                    break
                return lower + (bound - lower) * (rank - below) / (count - below)
            below, lower = count, (lower if bound == float("inf") else bound)
        return lower

    def since(self, earlier: "VersionStats") -> "VersionStats":
        """Return the difference to earlier figures."""
        return VersionStats(
            {status: count - earlier.statuses.get(status, 0) for status, count in self.statuses.items()},
            self.seconds - earlier.seconds,
            {bound: count - earlier.buckets.get(bound, 0) for bound, count in self.buckets.items()},
        )

    def __str__(self) -> str:
        """Summarize the figures in a line."""
        if not self.requests:
            return "no requests"
        rejected = sum(count for status, count in self.statuses.items() if status.startswith("4"))
        return (
            f"{self.requests} requests, {self.errors} errors ({self.error_ratio:.1%}), {rejected} rejected, "
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
        """Route the share to the new version."""
        self.gateway.request("PUT", f"/gateway/canary/{self.new.name}", data=self._share.encode())

    def watch(self, seconds: float) -> tuple[VersionStats, VersionStats]:
        """Return the figures of the default version and of the new one after some time.

        Args:
            seconds: how long.

        Raises:
            CommandError: the new version fails more often than the default one, or got no request.
        """
        deadline = time.monotonic() + seconds
        first = self._stats()
        while True:
            old, new = (now.since(before) for now, before in zip(self._stats(), first, strict=True))
            if _listed(self.gateway)["canaries"].get(self.new.name) != self._share:
                raise CommandError("the gateway has lost the canary: it was started again, or someone else changed it")
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

    def _stats(self) -> tuple[VersionStats, VersionStats]:
        versions = {"default": VersionStats(), self.new.version: VersionStats()}
        for sample in samples(self.gateway.request("GET", "/gateway/metrics").text):
            labels = sample.labels
            if labels.get("model") != self.new.name or labels["version"] not in versions:
                continue
            stats = versions[labels["version"]]
            match sample.name:
                case "gateway_requests_total":
                    stats.statuses[labels["status"]] = stats.statuses.get(labels["status"], 0) + int(sample.value)
                case "gateway_request_seconds_bucket":
                    bound = float(labels["le"])
                    stats.buckets[bound] = stats.buckets.get(bound, 0) + int(sample.value)
                case "gateway_request_seconds_sum":
                    stats.seconds += sample.value
        return versions["default"], versions[self.new.version]


def withdraw(gateway: Management, name: str) -> None:
    """Stop routing a model's traffic to its canary, if it has one, and wait for the requests that it has, for a while.

    Args:
        gateway: the gateway's management address.
        name: the model.
    """
    try:
        gateway.request("DELETE", f"/gateway/canary/{name}")
    except ManagementApiError as error:
        if error.status != 404:  # there is no canary, or the gateway was started again and has forgotten it
            raise

    def is_idle() -> bool:
        return not any(target.partition("/")[0] == name for target in _listed(gateway)["requests"])

    wait_until(is_idle, REQUESTS_TIMEOUT, POLL)


def _listed(gateway: Management) -> dict[str, dict[str, str]]:
    listed: dict[str, dict[str, str]] = gateway.request("GET", "/gateway/canaries.json").json()
    return listed
