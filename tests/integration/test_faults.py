"""Faults of a real TorchServe under load: what clients see, and how it recovers."""

import errno
import shutil
import socket
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest
import requests
import yaml
from PIL import Image

from scripts.build import archive
from scripts.client.predict import TINY_IMAGE
from scripts.common.errors import CommandError
from scripts.server.torchserve import TorchServe
from tests.conftest import encoded
from tests.integration.conftest import STORE, free_ports, stored
from tests.load import Load
from tests.waiting import wait_for

pytestmark = pytest.mark.faults
BATCH = 8  # requests that one worker holds at most
QUEUE = 20
# So many that a batch is full at once: while it waits, TorchServe forgets it if the worker dies (docs/operations.md).
CLIENTS = 2 * BATCH
DIED = ("500", "507")  # statuses for the batch of a worker that died; 500 if TorchServe noticed before the kernel
RECOVERY = 60.0  # s, on a machine that is busy with other things


@pytest.fixture(scope="module")
def small_disk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A disk of 8 MB that a test can fill."""
    folder = tmp_path_factory.mktemp("small")
    mount = ["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", str(folder)]
    if shutil.which("mount") is None or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("only root may mount a small disk, and not in every container")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


@pytest.fixture(scope="module")
def brittle(tmp_path_factory: pytest.TempPathFactory, tiny_directory: Path) -> Path:
    """The tiny network with a short `responseTimeout` and a short queue."""
    settings = {"batchSize": BATCH, "responseTimeout": 3, "jobQueueSize": QUEUE}
    config = tmp_path_factory.mktemp("config") / "model-config.yaml"
    config.write_text(yaml.safe_dump(yaml.safe_load(archive.MODEL_CONFIG.read_text()) | settings))
    return stored(str(tiny_directory), "brittle", config)


@pytest.fixture(scope="module")
def running(brittle: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[TorchServe]:
    with TorchServe({brittle.stem: brittle.name}, STORE, free_ports(), tmp_path_factory.mktemp("serve")) as server:
        yield server


@pytest.fixture
def url(running: TorchServe) -> str:
    (name,) = running.models
    return f"{running.ports.url(running.ports.inference)}/predictions/{name}"


def worker(server: TorchServe) -> psutil.Process:
    (name,) = server.models
    return psutil.Process(server.management.version(name).pids[0])


def under_load(server: TorchServe, url: str, fault: Callable[[psutil.Process], None]) -> Load:
    """Send a fault to the worker of a server under load, and wait until it succeeds again."""
    (name,) = server.models
    with Load(url, TINY_IMAGE, CLIENTS) as load:
        load.wait_for(50)
        before = worker(server)
        load.begin_fault()
        fault(before)
        before.wait(RECOVERY)
        server.management.wait_ready(name, wait=RECOVERY)
        load.wait_for(load.counts()["200"] + 50)
    assert worker(server).pid != before.pid
    return load


def test_a_worker_that_is_killed(running: TorchServe, url: str) -> None:
    load = under_load(running, url, lambda process: process.kill())
    load.record("worker killed (-9)")
    assert set(load.counts()) <= {"200", *DIED}, load.counts()
    assert load.counts().total() - load.counts()["200"] <= BATCH
    assert load.recovery_seconds() < RECOVERY


def test_a_worker_that_is_stuck(running: TorchServe, url: str) -> None:
    load = under_load(running, url, lambda process: process.suspend())
    load.record("worker stuck, with a `responseTimeout` of 3 s")
    assert set(load.counts()) <= {"200", "500"}, load.counts()
    assert load.counts()["500"] <= BATCH
    assert load.recovery_seconds() < RECOVERY


def test_more_clients_than_the_queue_holds(running: TorchServe, url: str) -> None:
    before = worker(running).pid
    # Takes a worker longer to decode than even slow clients need to send it: else the queue may stay empty.
    image = encoded(Image.new("RGB", (1000, 1000)), "PNG")
    with Load(url, image, clients=2 * QUEUE) as load:
        load.wait_for(200)
        load.wait_for(20, "503")
    load.record("twice as many clients as the queue holds")
    assert set(load.counts()) == {"200", "503"}, load.counts()
    assert worker(running).pid == before


def test_a_worker_without_memory(running: TorchServe, url: str) -> None:
    process = worker(running)
    large = encoded(Image.new("RGB", (7000, 7000)), "JPEG")
    allowed = process.rlimit(psutil.RLIMIT_AS)
    with Load(url, TINY_IMAGE) as load:
        load.wait_for(20)
        load.begin_fault()
        process.rlimit(psutil.RLIMIT_AS, (process.memory_info().vms + 40_000_000, allowed[1]))
        try:
            responses = [requests.post(url, data=large, timeout=60) for _ in range(3)]
        finally:
            process.rlimit(psutil.RLIMIT_AS, allowed)
        load.wait_for(load.counts()["200"] + 20)
    load.record("worker without memory for a large photo, beside small ones")
    for response in responses:
        assert (response.status_code, response.json()["type"]) == (503, "/problems/out-of-memory")
        assert response.headers["Retry-After"] == "10"
    assert set(load.counts()) == {"200"}, load.counts()
    assert requests.post(url, data=large, timeout=60).ok
    assert worker(running).pid == process.pid


def test_clients_that_hang_up(running: TorchServe, url: str) -> None:
    port, path = running.ports.inference, url.partition(str(running.ports.inference))[2]
    head = f"POST {path} HTTP/1.1\r\nHost: here\r\nContent-Length: {len(TINY_IMAGE)}\r\n\r\n".encode()
    files = psutil.Process(running.process.pid).num_fds()
    with Load(url, TINY_IMAGE, clients=4) as load:
        load.wait_for(20)
        load.begin_fault()
        for sent in [head + TINY_IMAGE, head + TINY_IMAGE[:20], head[:10]] * 50:
            with socket.create_connection(("127.0.0.1", port)) as client:
                client.sendall(sent)
        load.wait_for(load.counts()["200"] + 20)
    load.record("150 clients that hang up in the middle")
    assert set(load.counts()) <= {"200", "503"}, load.counts()  # what they sent whole is computed all the same
    wait_for("closed connections", lambda: psutil.Process(running.process.pid).num_fds() <= files)


def test_a_disk_that_is_full(brittle: Path, small_disk: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Log, state and unpacked archives on a full disk: served models go on, new ones are refused."""
    (small_disk / "scratch").mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(small_disk / "scratch"))
    server = TorchServe(
        {brittle.stem: brittle.name}, STORE, free_ports(), small_disk / "run", state=small_disk / "state"
    )
    with server:
        url = f"{server.ports.url(server.ports.inference)}/predictions/{brittle.stem}"
        with Load(url, TINY_IMAGE, CLIENTS) as load:
            load.wait_for(50)
            load.begin_fault()
            fill(small_disk)
            load.wait_for(load.counts()["200"] + 100)
            with pytest.raises(CommandError, match="the server refused"):
                server.management.register(brittle.name, name="another")
            worker(server).kill()
            load.wait_for(load.counts()["200"] + 100)
            (small_disk / "filling").unlink()
            load.wait_for(load.counts()["200"] + 100)
        load.record("disk full: log, state and unpacked archives; a worker killed meanwhile")
        assert set(load.counts()) <= {"200", *DIED}, load.counts()
        server.management.register(brittle.name, name="another")
    with server:
        assert {model.name for model in server.management.models()} == {brittle.stem, "another"}


def fill(disk: Path) -> None:
    with (disk / "filling").open("wb", buffering=0) as file:
        try:
            while True:
                file.write(bytes(4096))
        except OSError as error:
            if error.errno != errno.ENOSPC:
                raise
