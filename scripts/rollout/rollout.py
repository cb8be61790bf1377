"""The steps by which a new version replaces the one that serves, or is rolled back."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

from scripts.client.management import ManagementApiError
from scripts.client.models import ModelVersion, VersionId
from scripts.common.errors import CommandError
from scripts.rollout import history
from scripts.rollout.canary import Canary, withdraw
from scripts.rollout.compare import compare
from scripts.rollout.server import Server

DRAIN_TIMEOUT = 120.0  # s for the requests in an old version: more than TorchServe's responseTimeout and its queue


@dataclass
class Rollout:
    """One version that replaces another.

    Args:
        server: where.
        archive: the new version's file name in the model store.
        drain: seconds to wait at most for requests in the version that goes.
        expected: the version that the archive must hold, None for any.
    """

    server: Server
    archive: str
    drain: float = DRAIN_TIMEOUT
    expected: str | None = None
    added: bool = field(default=False, init=False)  # whether this command registered the new version

    def load(self) -> bool:
        """Load the new version beside the old one, with as many workers.

        Returns:
            Whether it must still become the default; False where an earlier rollout was interrupted after that.

        Raises:
            CommandError: it does not load or predict, or there is no version to replace.
        """
        self.new = self._register()
        try:
            self.old, self.old_archive, self.workers = self._running()
            self.server.idle(self.old)  # fails early where the workers run on another machine
        except BaseException:
            if self.added:
                self.server.management.unregister(*self.new)
            raise
        if self.server.default(self.new.name) == self.new.version:
            _say(f"{self.new} is the default already: only {self.old} must still go")
            return False
        _say(f"{self.old} serves with {self.workers} workers; {self.new} loads as many beside it")
        with self.rollback_on_error():
            self._withdraw_canary()  # one that a killed command left
            if self.server.workers(self.new.name)[self.new.version] != self.workers:
                self.server.management.set_workers(*self.new, self.workers)
            self.server.management.wait_ready(*self.new, allow_restarts=False)
            self.server.check_prediction(self.new)
        return True

    def compare(self, images: Mapping[str, bytes], max_differ: int | None) -> None:
        """Compare the predictions of both versions.

        Args:
            images: name -> bytes.
            max_differ: how many may have another top-1 class, None for any number.

        Raises:
            CommandError: there are more, or the new version does not predict.
        """
        result = compare(self.server.inference, self.old, self.new, images)
        _say(f"compared with {self.old}: {result}")
        if max_differ is not None and len(result.differing) > max_differ:
            raise CommandError(f"more than {max_differ} images have another top-1 class: {', '.join(result.differing)}")

    def try_canary(self, percent: int, seconds: float) -> None:
        """Send a share of the requests to the new version and watch its errors.

        Raises:
            CommandError: it fails more often than the old one, or got no request.
        """
        canary = Canary(self.server.management, self.new, percent)
        canary.start()
        _say(f"{percent} % of the requests go to {self.new} for {seconds:.0f} s")
        old, new = canary.watch(seconds)
        _say(f"{self.old}: {old}\n{self.new}: {new}")

    def switch(self) -> None:
        """Make the new version the default."""
        self.server.management.set_default(*self.new)
        replaced = history.Replaced(self.old_archive, self.old.version, self.new.version)
        history.remember(self.server.management.url, self.new.name, replaced)
        _say(f"{self.new} is the default")

    @contextmanager
    def rollback_on_error(self) -> Iterator[None]:
        """Restore the old version as the only one that serves if anything goes wrong."""
        try:
            yield
        except BaseException as error:
            _say(f"rolling back: {self.old} serves, {self.new} is unregistered if this command registered it")
            try:
                self._withdraw_canary()
                self._roll_back()
            except CommandError as failure:
                raise CommandError(f"{str(error) or 'interrupted'}; and the rollback failed: {failure}") from error
            raise

    def finish(self) -> None:
        """Unregister the old version once it is idle.

        Raises:
            CommandError: requests keep coming to it, so it stays registered.
        """
        self._withdraw_canary()
        if self.old.version in self.server.workers(self.old.name):
            if not self.server.wait_idle(self.old, self.drain):
                raise CommandError(
                    f"{self.new} serves, but {self.old} still has requests after {self.drain:.0f} s and stays "
                    "registered: a client names it in the address"
                )
            self.server.management.unregister(*self.old)
        _say(f"{self.old} is unregistered")

    def _roll_back(self) -> None:
        if not {self.old.version, self.new.version} <= self.server.workers(self.new.name).keys():
            return
        if self.server.default(self.new.name) == self.new.version:
            self.server.management.set_default(*self.old)
        if not self.added:
            return
        predicts = any(worker.ready for worker in self.server.management.version(*self.new).workers)
        if predicts and not self.server.wait_idle(self.new, self.drain):
            _say(f"{self.new} still has requests after {self.drain:.0f} s: they are cut")
        self.server.management.unregister(*self.new)

    def _register(self) -> VersionId:
        """Return the new version, which is registered now if it was not before."""
        _say(f"registering {self.archive}")
        try:
            version = self.server.add(self.archive)
            self.added = True
            return version
        except ManagementApiError as error:
            known = self.server.management.registered_from(self.archive)
            if error.status != 409 or len(known) != 1:
                raise
        (version,) = known
        _say(f"{version} is registered already: going on with it")
        return version

    def _running(self) -> tuple[VersionId, str, int]:
        """Return the version to replace, its archive and its workers."""
        name = self.new.name
        if self.expected not in (None, self.new.version):
            raise CommandError(f"{self.archive} holds {self.new} now, but {self.expected} was replaced: start another")
        others = {version.version: version for version in self.server.management.versions(name)}
        del others[self.new.version]
        default = self.server.default(name)
        if default == self.new.version and not self.added:
            default = self._interrupted(others)
        if default not in others:
            raise CommandError(f"there is no other version that {self.new} could replace")
        old = others[default]
        return old.id, old.archive, max(1, old.min_workers)

    def _interrupted(self, others: Mapping[str, ModelVersion]) -> str:
        """Return the version that the new one has replaced as the default, but that was not unregistered yet."""
        last = history.find(self.server.management.url, self.new.name)
        if last and last.by == self.new.version and others.keys() == {last.version}:
            return last.version
        raise CommandError(f"{self.new} serves already")

    def _withdraw_canary(self) -> None:
        if self.server.behind_gateway:
            withdraw(self.server.management, self.new.name)


def _say(sentence: str) -> None:
    print(sentence, flush=True)
