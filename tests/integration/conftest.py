"""One real TorchServe for all integration tests, with the real weights if they are there."""

import os
import random
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from filelock import FileLock

from scripts.build import archive
from scripts.build.sources import fallback
from scripts.common.errors import CommandError
from scripts.server.ports import Ports
from scripts.server.torchserve import TorchServe
from tests.conftest import PROJECT, RESNET
from tests.waiting import wait_for

STORE = PROJECT / "build" / "test-store"  # kept between runs: an archive is built only when something changed


def free_ports() -> Ports:
    """Return five free ports."""
    for _ in range(50):
        ports = Ports(random.randrange(20_000, 30_000, 10))
        try:
            ports.require_free()
        except CommandError:
            continue
        return ports
    raise AssertionError("no five free ports on this machine")


def stored(directory: str, name: str, config: Path = archive.MODEL_CONFIG) -> Path:
    """Return an archive in the store, built once though tests run in several processes."""
    with FileLock(STORE.with_suffix(".lock")):
        return archive.ensure(directory, name, store=STORE, config=config)


def config_with(folder: Path, **handler: object) -> Path:
    """Write the packed configuration with other settings of the handler, and return its path."""
    config = yaml.safe_load(archive.MODEL_CONFIG.read_text())
    path = folder / "model-config.yaml"
    path.write_text(yaml.safe_dump(config | {"handler": config["handler"] | handler}))
    return path


def packed_resnet(folder: Path) -> Path:
    """Return the real ResNet-50 as resnet-50.mar: in float32 on every machine, whose scores tests know."""
    return stored(str(RESNET), "", config_with(folder, precision="float32"))


def wait_for_log(server: TorchServe, part: str) -> None:
    """Wait for a line of a worker: TorchServe reads it in a thread of its own, after the response at times."""
    wait_for(f"{part!r} in the log", lambda: part in server.log.read_text(errors="replace"))


@pytest.fixture(scope="session")
def resnet(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The real ResNet-50."""
    if not RESNET.is_dir():
        pytest.skip("no real weights beside the project: ../shared/models/resnet-50 is not there")
    return packed_resnet(tmp_path_factory.mktemp("config"))


@pytest.fixture(scope="session")
def fallback_archive() -> Path:
    """The fallback model, which the build chooses where the Hub cannot be reached.

    It is built once, in the project's own store, where `make demo` and `make serve` find it.
    """
    from huggingface_hub import constants

    with pytest.MonkeyPatch.context() as patch, FileLock(STORE.with_suffix(".lock")):
        patch.setattr(constants, "HF_HUB_OFFLINE", True)
        patch.setattr(constants, "HF_HUB_CACHE", str(STORE / "no-cache"))
        packed = archive.ensure("", fallback.NAME)
        served = STORE / packed.name
        if not (served.exists() and served.samefile(packed)):
            STORE.mkdir(parents=True, exist_ok=True)
            served.unlink(missing_ok=True)
            served.hardlink_to(packed)
        return served


@pytest.fixture(scope="session")
def patient(tmp_path_factory: pytest.TempPathFactory, tiny_directory: Path) -> Path:
    """The tiny network with batches that wait two seconds to fill up, so that a test can fill one."""
    config = yaml.safe_load(archive.MODEL_CONFIG.read_text()) | {"batchSize": 8, "maxBatchDelay": 2000}
    path = tmp_path_factory.mktemp("config") / "model-config.yaml"
    path.write_text(yaml.safe_dump(config))
    return stored(str(tiny_directory), "patient", path)


@pytest.fixture(scope="session")
def server(fallback_archive: Path, patient: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[TorchServe]:
    """A running server with the fallback model, the tiny network and, if it is there, the real ResNet-50."""
    archives = [fallback_archive, patient]
    if RESNET.is_dir():
        archives.append(packed_resnet(tmp_path_factory.mktemp("config")))
    models = {path.stem: path.name for path in archives}
    with TorchServe(models, STORE, free_ports(), tmp_path_factory.mktemp("serve")) as running:
        yield running


@pytest.fixture(scope="session")
def inference(server: TorchServe) -> str:
    """Address of the inference API."""
    return server.ports.url(server.ports.inference)


@pytest.fixture(scope="session")
def classify(inference: str) -> str:
    """Address of predictions by the fallback model, which every machine can build."""
    return f"{inference}/predictions/{fallback.NAME}"


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """An environment in which the Hub cannot be reached and nothing is in its cache."""
    left_out = ("MODEL", "NAME", "PHOTO", "PORT", "VERSION", "MAKEFLAGS", "MAKELEVEL")
    inherited = {key: value for key, value in os.environ.items() if key not in left_out}
    return inherited | {"HF_HUB_OFFLINE": "1", "HF_HOME": str(tmp_path / "no-cache")}


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """What builds archives, copied, with a store that no other test uses at the same time."""
    for folder in ("config", "handler", "scripts"):
        shutil.copytree(PROJECT / folder, tmp_path / "project" / folder, ignore=shutil.ignore_patterns("__pycache__"))
    (tmp_path / "project" / "model_store").mkdir()
    return tmp_path / "project"
