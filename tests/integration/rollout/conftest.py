"""A server with version 1 of a model, further versions in its store, and the command line in this process."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from scripts.cli.main import main
from scripts.container.readiness import Readiness
from scripts.rollout import history
from scripts.server.torchserve import TorchServe
from tests.archives import as_version
from tests.conftest import encoded, picture
from tests.integration.conftest import free_ports
from tests.load import Load

IMAGE = encoded(picture(), "JPEG")


class Served:
    """A server of one model.

    Args:
        server: the server.
    """

    def __init__(self, server: TorchServe) -> None:
        self.server, self.management = server, server.management
        (self.name,) = server.models
        self.inference = server.ports.url(server.ports.inference)

    def registered(self) -> tuple[str, list[str]]:
        """Return the default version, and all."""
        versions = sorted(version.version for version in self.management.versions(self.name))
        return self.management.version(self.name).version, versions

    def load(self, version: str = "", clients: int = 8) -> Load:
        address = f"{self.inference}/predictions/{self.name}"
        return Load(f"{address}/{version}" if version else address, IMAGE, clients)

    @contextmanager
    def readiness(self) -> Iterator[list[str | None]]:
        """Check readiness all the time, and give the problems that were found."""
        readiness = Readiness(self.management, self.inference)
        readiness.accepting.set()
        problems: list[str | None] = []
        stop = threading.Event()

        def check() -> None:
            while not stop.wait(0.2):
                problems.append(readiness.problem())

        thread = threading.Thread(target=check)
        thread.start()
        try:
            yield problems
        finally:
            stop.set()
            thread.join()


class Command:
    """`python -m scripts rollout`, in this process."""

    def __init__(self, served: Served, images: Path) -> None:
        self._addresses = ["--url", served.management.url, "--inference", served.inference]
        self._images = images

    def start(self, archive: str, *options: str) -> Result:
        return self.run("start", archive, "--images", str(self._images), *options)

    def run(self, *words: str) -> Result:
        return CliRunner().invoke(main, ["rollout", *words, *self._addresses])


@pytest.fixture(scope="module")
def served(tiny_archive: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A server with version 1, and a store with others whose responses tell which one they come from."""
    store = tmp_path_factory.mktemp("versions")
    for number in (1, 2, 3, 4):
        as_version(f"{number}.0", tiny_archive, store / f"{number}.mar", mark=f"{number}.0 ")
    as_version("5.0", tiny_archive, store / "unloadable.mar", damaged=True)
    as_version("6.0", tiny_archive, store / "failing.mar", handle="raise RuntimeError")
    as_version("7.0", tiny_archive, store / "different.mar", mark="other ")
    with TorchServe({tiny_archive.stem: "1.mar"}, store, free_ports(), tmp_path_factory.mktemp("serve")) as running:
        yield Served(running)


@pytest.fixture
def images(tmp_path: Path) -> Path:
    """A folder of two images and a text."""
    folder = tmp_path / "images"
    folder.mkdir()
    for name, size in {"a.png": (64, 48), "b.png": (48, 64)}.items():
        picture(*size).save(folder / name)
    (folder / "notes.txt").write_text("no image")
    return folder


@pytest.fixture
def command(
    served: Served, images: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> Command:
    monkeypatch.setattr(history, "FILE", tmp_path_factory.getbasetemp() / "rollouts.json")
    return Command(served, images)
