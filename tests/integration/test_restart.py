"""A real TorchServe that is stopped, killed and started again."""

import os
import shutil
import signal
import threading
import time
from pathlib import Path

import pytest
import requests

from scripts.client.metrics import samples
from scripts.client.models import VersionId
from scripts.client.predict import TINY_IMAGE
from scripts.container.queue_metrics import exposition
from scripts.container.readiness import Readiness
from scripts.server import drain
from scripts.server.torchserve import DRAIN_TIMEOUT, TorchServe
from tests.archives import as_version
from tests.integration.conftest import free_ports
from tests.load import Load
from tests.waiting import wait_for


@pytest.fixture
def store(tiny_archive: Path, tmp_path: Path) -> Path:
    """A model store with the tiny network."""
    folder = tmp_path / "store"
    folder.mkdir()
    shutil.copy(tiny_archive, folder)
    return folder


def server(store: Path, tmp_path: Path) -> TorchServe:
    models = {path.stem: path.name for path in store.glob("tiny*.mar")}
    return TorchServe(models, store, free_ports(), tmp_path / "run", state=tmp_path / "state")


def workers(running: TorchServe) -> dict[VersionId, int]:
    return {version.id: len(version.workers) for version in running.management.all_versions()}


def test_models_and_workers_come_back(store: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with server(store, tmp_path) as first:
        (name,) = first.models
        shutil.copy(store / f"{name}.mar", store / "other.mar")
        first.management.register("other.mar", name="other")
        first.management.scale("other", None, 2)
        before = workers(first)
        assert before == {(name, "1.0"): 1, ("other", "1.0"): 2}

    killed = server(store, tmp_path)
    with killed:
        assert workers(killed) == before
        os.killpg(killed.process.pid, signal.SIGKILL)
        killed.process.wait()

    with server(store, tmp_path) as third:
        assert workers(third) == before
        url = third.ports.url(third.ports.inference)
        assert requests.post(f"{url}/predictions/other", data=TINY_IMAGE, timeout=30).ok

    (store / "other.mar").unlink()
    capsys.readouterr()
    with server(store, tmp_path) as fourth:
        assert workers(fourth) == {(name, "1.0"): 1}
    assert "other 1.0 is not restored: its archive other.mar is gone from the model store" in capsys.readouterr().out


def test_a_new_version_comes_beside_the_restored_one(store: Path, tmp_path: Path) -> None:
    with server(store, tmp_path) as first:
        (name,) = first.models
    second = as_version("2.0", store / f"{name}.mar", store / f"{name}-2.0.mar")
    later = TorchServe({name: second.name}, store, free_ports(), tmp_path / "run", state=tmp_path / "state")
    with later:
        assert workers(later) == {(name, "1.0"): 1, (name, "2.0"): 1}
        assert later.management.version(name).version == "1.0"  # still the default
    with later:
        assert workers(later) == {(name, "1.0"): 1, (name, "2.0"): 1}  # registered once


def test_a_stop_finishes_the_in_flight_requests(store: Path, tmp_path: Path) -> None:
    with server(store, tmp_path) as running:
        (name,) = running.models
        url = f"{running.ports.url(running.ports.inference)}/predictions/{name}"
        worker = pid_of(running, name)
        os.kill(worker, signal.SIGSTOP)  # so that all requests are in flight at the stop
        with Load(url, TINY_IMAGE, clients=20, total=20) as load:
            wait_for("a queue", lambda: running.management.version(name).queue.pending >= 10)
            threading.Timer(1.0, os.kill, (worker, signal.SIGCONT)).start()
            running.stop()
    assert load.counts() == {"200": 20}


def pid_of(running: TorchServe, name: str) -> int:
    return running.management.version(name).pids[0]


@pytest.mark.faults
@pytest.mark.parametrize("keep_alive", [True, False], ids=["open connections", "a connection a request"])
def test_a_stop_under_steady_load(store: Path, tmp_path: Path, keep_alive: bool) -> None:
    """TorchServe accepts connections until it ends: a request after it was idle is cut, one a client at most."""
    with server(store, tmp_path) as running:
        (name,) = running.models
        url = f"{running.ports.url(running.ports.inference)}/predictions/{name}"
        with Load(url, TINY_IMAGE, keep_alive=keep_alive) as load:
            load.wait_for(100)
            start = time.monotonic()
            running.stop()
            took = time.monotonic() - start
            load.wait_for(1, "refused")
    load.record(
        "`make serve` stopped under load: clients with open connections"
        if keep_alive
        else "`make serve` stopped under load: a new connection for each request",
        seconds=round(took, 1),
    )
    counts = load.counts()
    assert set(counts) <= {"200", "503", "refused", "cut"}, counts
    assert counts["503"], counts
    assert counts["cut"] <= load.clients, counts
    assert took < DRAIN_TIMEOUT, took


def test_a_stop_while_a_worker_is_stuck(store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(drain, "PATIENCE", 1.0)
    with server(store, tmp_path) as running:
        (name,) = running.models
        url = f"{running.ports.url(running.ports.inference)}/predictions/{name}"
        os.kill(pid_of(running, name), signal.SIGSTOP)
        with Load(url, TINY_IMAGE, clients=20) as load:
            wait_for("a queue", lambda: running.management.version(name).queue.pending >= 10)
            running.stop()
    # The batch that the worker held gets 507 or 500; the next worker serves the queue behind it.
    assert set(load.counts()) <= {"500", "507", "503", "refused", "cut"}, load.counts()
    assert load.counts()["cut"] <= load.clients
    assert 1 <= load.counts()["500"] + load.counts()["507"] <= 8
    assert load.counts()["503"]


def shown_metrics(shown: Readiness) -> dict[str, float]:
    return {sample.name: sample.value for sample in samples(exposition(shown))}


def test_readiness_shows_queue_workers_and_restarts(store: Path, tmp_path: Path) -> None:
    with server(store, tmp_path) as running:
        (name,) = running.models
        shown = Readiness(running.management, running.ports.url(running.ports.inference))
        assert shown.problem() == "the server is starting or stopping"
        shown.accepting.set()
        shown = Readiness(running.management, running.ports.url(running.ports.inference))
        shown.accepting.set()
        assert shown.problem() is None
        assert shown_metrics(shown)["serving_workers_ready"] == 1
        assert shown_metrics(shown)["serving_worker_restarts_total"] == 0
        worker = pid_of(running, name)
        assert shown.idle(name, "1.0")
        os.kill(worker, signal.SIGSTOP)
        url = f"{running.ports.url(running.ports.inference)}/predictions/{name}"
        with Load(url, TINY_IMAGE, clients=20, total=20):
            wait_for("a queue", lambda: running.management.version(name).queue.pending >= 10)
            assert not shown.idle(name, "1.0")
            os.kill(worker, signal.SIGCONT)
        wait_for("an idle version", lambda: shown.idle(name, "1.0"))
        os.kill(worker, signal.SIGKILL)

        def restarts() -> float:
            shown.update()
            return shown_metrics(shown).get("serving_worker_restarts_total", 0.0)

        wait_for("a restart", lambda: restarts() == 1)
        running.management.wait_ready(name)
        running.management.unregister(name)
        shown = Readiness(running.management, running.ports.url(running.ports.inference))
        shown.accepting.set()
        assert shown.problem() == "no model is registered, or the management API does not respond"
