"""The steps in which a new version takes over from the running one, on every replica, or leaves it as it was."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from scripts.client.management import ManagementApiError, Version
from scripts.common.errors import CommandError
from scripts.rollout import history
from scripts.rollout.canary import Canary, withdraw
from scripts.rollout.compare import compare
from scripts.rollout.replicas import Replica, Replicas

DRAIN = 120.0  # s that the requests in an old version may take: more than TorchServe's responseTimeout and its queue


@dataclass
class Rollout:
    """One version that takes over from another.

    Args:
        replicas: where.
        archive: the new version's file name in the model store.
        drain: most seconds to wait for requests in the version that goes.
        expected: the version that the archive must hold, "" for any.
    """

    replicas: Replicas
    archive: str
    drain: float = DRAIN
    expected: str = ""
    added: set[str] = field(default_factory=set, init=False)  # addresses of replicas where this command registered it

    def load(self) -> bool:
        """Have the new version ready beside the old one, with as many workers, on every replica.

        Returns:
            Whether it must still become the default; not where a rollout of it was interrupted after that.

        Raises:
            CommandError: it does not load or does not answer, or there is no version that it could take over from.
        """
        first = self.replicas.first()
        self.gateway = bool(first.address)
        self.new = self._register(first)
        try:
            self.old, self.old_archive, self.workers = self._running(first)
            first.idle(self.old)  # where nobody can tell whether workers are busy, that is said now
        except BaseException:
            if first.address in self.added:
                first.management.unregister(*self.new)
            raise
        if first.default(self.new.name) == self.new.version:
            _say(f"{self.new} is the default already: only {self.old} must still go")
            return False
        _say(f"{self.old} serves with {self.workers} workers; {self.new} loads as many beside it")
        with self.or_put_back():
            self._withdraw_canary()  # one that a killed command left
            self.replicas.each(self._load)  # at the same time; then they are waited for
            self.replicas.each(self._ready)
        return True

    def compare(self, sent: Mapping[str, bytes], most: int | None) -> None:
        """Compare the answers of both versions.

        Args:
            sent: photos, name -> bytes.
            most: how many may have another best class, None for any number.

        Raises:
            CommandError: there are more, or the new version does not answer.
        """
        result = compare(self.replicas.inference, self.old, self.new, sent)
        _say(f"compared with {self.old}: {result}")
        if most is not None and len(result.differing) > most:
            raise CommandError(f"more than {most} photos have another best class: {', '.join(result.differing)}")

    def try_out(self, percent: int, seconds: float) -> None:
        """Give the new version a share of the requests and see what comes of them.

        Raises:
            CommandError: it fails more often than the old one, or got no request.
        """
        canary = Canary(self.replicas.management, self.new, percent)
        canary.start()
        _say(f"{percent} % of the requests go to {self.new} for {seconds:.0f} s")
        old, new = canary.watch(seconds)
        _say(f"{self.old}: {old}\n{self.new}: {new}")

    def switch(self) -> None:
        """Make the new version the default on every replica."""
        self.replicas.each(self._make_default)
        replaced = history.Replaced(self.old_archive, self.old.version, self.new.version)
        history.remember(self.replicas.management.url, self.new.name, replaced)
        _say(f"{self.new} is the default")

    @contextmanager
    def or_put_back(self) -> Iterator[None]:
        """Leave the old version serving alone, as if nothing had been, when something goes wrong."""
        try:
            yield
        except BaseException as error:
            _say(f"putting everything back: {self.old} serves, {self.new} goes where this command brought it")
            try:
                self._withdraw_canary()
                self.replicas.each(self._put_back)
            except CommandError as failure:
                raise CommandError(f"{str(error) or 'interrupted'}; and putting back failed: {failure}") from error
            raise

    def finish(self) -> None:
        """Unregister the old version on every replica once nothing is in flight in it.

        Raises:
            CommandError: requests keep coming to it, so it stays registered.
        """
        self._withdraw_canary()
        self.replicas.each(self._retire)
        _say(f"{self.old} is unregistered")

    def _put_back(self, replica: Replica) -> None:
        if not {self.old.version, self.new.version} <= replica.versions(self.new.name).keys():
            return
        if replica.default(self.new.name) == self.new.version:
            replica.management.set_default(*self.old)
        if replica.address not in self.added:
            return
        workers = replica.management.describe(*self.new)[0]["workers"]
        answering = any(worker["status"] == "READY" for worker in workers)
        if answering and not replica.wait_idle(self.new, self.drain):
            _say(f"{self.new} still has requests after {self.drain:.0f} s: they are cut")
        replica.management.unregister(*self.new)

    def _register(self, replica: Replica) -> Version:
        """Return the new version, which is registered now if it was not before."""
        _say(f"registering {self.archive}")
        try:
            return self._add(replica)
        except ManagementApiError as refused:
            known = replica.management.registered_from(self.archive)
            if refused.status != 409 or len(known) != 1:
                raise
        (version,) = known
        _say(f"{version} is registered already: going on with it")
        return version

    def _add(self, replica: Replica) -> Version:
        version = replica.add(self.archive)
        self.added.add(replica.address)
        return version

    def _running(self, replica: Replica) -> tuple[Version, str, int]:
        """Return the version to take over from, its archive and its workers."""
        name = self.new.name
        if self.expected not in ("", self.new.version):
            raise CommandError(f"{self.archive} holds {self.new} now, but {self.expected} was replaced: start another")
        others = {one["modelVersion"]: one for one in replica.management.describe(name, "all")}
        del others[self.new.version]
        default = replica.default(name)
        if default == self.new.version and replica.address not in self.added:
            default = self._interrupted(others)
        if default not in others:
            raise CommandError(f"there is no other version that {self.new} could take over from")
        return Version(name, default), others[default]["modelUrl"], max(1, int(others[default]["minWorkers"]))

    def _interrupted(self, others: Mapping[str, Mapping[str, Any]]) -> str:
        """Return the version that the new one has replaced as the default, but that was not unregistered yet."""
        last = history.find(self.replicas.management.url, self.new.name)
        if last and last.by == self.new.version and others.keys() == {last.version}:
            return last.version
        raise CommandError(f"{self.new} serves already")

    def _load(self, replica: Replica) -> None:
        if self.new.version not in replica.versions(self.new.name):
            self._add(replica)
        if replica.versions(self.new.name)[self.new.version] != self.workers:
            replica.management.set_workers(*self.new, self.workers)

    def _ready(self, replica: Replica) -> None:
        self._load(replica)  # one that has come since
        replica.management.wait_ready(*self.new, first_try=True)
        replica.check_prediction(self.new)

    def _make_default(self, replica: Replica) -> None:
        self._ready(replica)
        replica.management.set_default(*self.new)

    def _retire(self, replica: Replica) -> None:
        if self.old.version not in replica.versions(self.old.name):
            return
        if replica.default(self.new.name) != self.new.version:
            self._make_default(replica)  # one that has come since
        if not replica.wait_idle(self.old, self.drain):
            raise CommandError(
                f"{self.new} serves, but {self.old} still has requests after {self.drain:.0f} s and stays registered: "
                "somebody names it in the address"
            )
        replica.management.unregister(*self.old)

    def _withdraw_canary(self) -> None:
        if self.gateway:
            withdraw(self.replicas.management, self.new.name)


def _say(sentence: str) -> None:
    print(sentence, flush=True)
