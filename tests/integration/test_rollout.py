"""Versions that replace each other on a real server under load: no request fails, whatever becomes of the new one."""

import json
import os
import re
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import requests

from scripts.cli.main import main
from scripts.client.management import Management
from scripts.client.predict import predict
from scripts.container.readiness import Readiness
from scripts.rollout import history
from scripts.server.torchserve import TorchServe
from tests.archives import as_version
from tests.conftest import encoded, picture
from tests.integration.conftest import free_ports
from tests.load import Load

PHOTO = encoded(picture(), "JPEG")
REQUESTS = 10_000


@pytest.fixture(scope="module")
def served(tiny_archive: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[TorchServe]:
    """A server with version 1, and a store with others whose answers tell which one they come from."""
    store = tmp_path_factory.mktemp("versions")
    for number in (1, 2, 3, 4):
        as_version(f"{number}.0", tiny_archive, store / f"{number}.mar", mark=f"{number}.0 ")
    as_version("5.0", tiny_archive, store / "unloadable.mar", damaged=True)
    as_version("6.0", tiny_archive, store / "unanswering.mar", handle="raise RuntimeError")
    as_version("7.0", tiny_archive, store / "different.mar", mark="other ")
    with TorchServe({tiny_archive.stem: "1.mar"}, store, free_ports(), tmp_path_factory.mktemp("serve")) as running:
        yield running


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    folder = tmp_path / "photos"
    folder.mkdir()
    for name, size in {"a.png": (64, 48), "b.png": (48, 64)}.items():
        picture(*size).save(folder / name)
    (folder / "notes.txt").write_text("no photo")
    return folder


@pytest.fixture
def command(
    served: TorchServe, photos: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> "Command":
    monkeypatch.setattr(history, "FILE", tmp_path_factory.getbasetemp() / "rollouts.json")
    return Command(served, photos, monkeypatch)


class Command:
    """The command line, in this process."""

    def __init__(self, served: TorchServe, photos: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        inference = served.ports.url(served.ports.inference)
        self.addresses = ["--url", served.management.url, "--inference", inference]
        self.photos = ["--images", str(photos)]
        self.monkeypatch = monkeypatch

    def start(self, archive: str, *options: str) -> None:
        self.run("start", archive, *self.photos, *options)

    def run(self, *words: str) -> None:
        main(["rollout", *words, *self.addresses], standalone_mode=False)


def model(served: TorchServe) -> str:
    (name,) = served.models
    return name


def registered(served: TorchServe) -> tuple[str, list[str]]:
    """Return the default version, and all."""
    management, name = served.management, model(served)
    versions = sorted(one["modelVersion"] for one in management.describe(name, "all"))
    return management.describe(name)[0]["modelVersion"], versions


def load(served: TorchServe, version: str = "", clients: int = 8) -> Load:
    address = f"{served.ports.url(served.ports.inference)}/predictions/{model(served)}"
    return Load(f"{address}/{version}" if version else address, PHOTO, clients)


@contextmanager
def readiness(served: TorchServe) -> Iterator[list[str]]:
    """Ask again and again whether a prediction would work, and give what was said."""
    status = Readiness(served.management, served.ports.url(served.ports.inference))
    status.accepting.set()
    said: list[str] = []
    stop = threading.Event()

    def ask() -> None:
        while not stop.is_set():
            said.append(status.problem())
            stop.wait(0.2)

    thread = threading.Thread(target=ask)
    thread.start()
    try:
        yield said
    finally:
        stop.set()
        thread.join()


@pytest.mark.timeout(600)
@pytest.mark.faults
def test_three_rollouts_and_a_rollback_under_load_lose_nothing(
    served: TorchServe, command: Command, capsys: pytest.CaptureFixture[str]
) -> None:
    expected = predict(served.ports.url(served.ports.inference), model(served), PHOTO).json()
    registered_from: dict[str, list[float]] = {"1.0": [0.0]}
    registered_to: dict[str, list[float]] = {}
    took = []
    with load(served) as running, readiness(served) as said:
        for old, new in (("1.0", "2.0"), ("2.0", "3.0"), ("3.0", "4.0"), ("4.0", "3.0")):
            running.wait_for(running.counts()["200"] + 100)
            begin = time.monotonic()
            registered_from.setdefault(new, []).append(begin)
            if old < new:
                command.start(f"{new[0]}.mar")
            else:
                command.run("back", model(served))
            registered_to.setdefault(old, []).append(time.monotonic())
            took.append(round(time.monotonic() - begin, 1))
            assert registered(served) == (new, [new])
        running.wait_for(REQUESTS, timeout=400)
    assert set(running.counts()) == {"200"}, running.counts()
    assert set(said) == {""}
    assert running.longest < min(took) / 2  # nobody waited for another version's workers
    registered_to.setdefault("3.0", []).append(float("inf"))
    answered = set()
    for sent, received, body in running.answers:
        rows = json.loads(body)
        version = rows[0]["label"].split()[0]
        spans = zip(registered_from[version], registered_to[version], strict=True)
        assert any(sent < end and begin < received for begin, end in spans), (version, sent, received)
        assert [row["class_id"] for row in rows] == [row["class_id"] for row in expected]
        assert [row["score"] for row in rows] == pytest.approx([row["score"] for row in expected], abs=1e-4)
        answered.add(version)
    assert answered == {"1.0", "2.0", "3.0", "4.0"}
    running.record("three rollouts and a rollback", seconds_each=took)
    said_about = capsys.readouterr().out
    assert (
        "2 of 2 photos have another best class (a.png, b.png), " in said_about
    )  # their names have the version in them
    assert "1 were left out" in said_about


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (["unloadable.mar"], r"a worker of \S+ 5.0 ended while it loaded"),
        (["unanswering.mar"], "6.0 is loaded but does not predict"),
        (["different.mar", "--max-differ", "1"], "more than 1 photos have another best class: a.png, b.png"),
    ],
)
def test_a_version_that_is_no_good_leaves_the_old_one_serving(
    served: TorchServe, command: Command, capsys: pytest.CaptureFixture[str], words: list[str], reason: str
) -> None:
    before = registered(served)
    with load(served, clients=2) as running:
        with pytest.raises(SystemExit):
            command.start(*words)
        running.wait_for(running.counts()["200"] + 20)
    assert set(running.counts()) == {"200"}, running.counts()
    said = capsys.readouterr().err
    assert re.search(f"^error: .*({reason})", said), said
    assert registered(served) == before


def test_whoever_names_the_old_version_keeps_it(
    served: TorchServe, command: Command, capsys: pytest.CaptureFixture[str]
) -> None:
    """Then the command says so, and once they have stopped, the same command goes on where it was."""
    (old, _), new = registered(served), "2.0"
    served.management.scale(model(served), old, 2)
    with load(served, old, clients=4) as running:
        with pytest.raises(SystemExit):
            command.start("2.mar", "--drain", "1")
        assert registered(served) == (new, sorted([old, new]))
        running.wait_for(running.counts()["200"] + 20)
    assert set(running.counts()) == {"200"}, running.counts()
    said = capsys.readouterr()
    assert f"{old} still has requests after 1 s and stays registered" in said.err
    command.start("2.mar")
    assert registered(served) == (new, [new])
    workers = served.management.describe(model(served))[0]["workers"]
    assert [worker["status"] for worker in workers] == ["READY", "READY"]
    assert "2.0 is registered already: going on with it" in capsys.readouterr().out


def test_what_is_in_flight_in_the_old_version_is_finished(served: TorchServe, command: Command) -> None:
    (old, _), name = registered(served), model(served)
    (described,) = served.management.describe(name)
    workers = [worker["pid"] for worker in described["workers"]]
    url = f"{served.ports.url(served.ports.inference)}/predictions/{name}"
    statuses: list[int] = []

    def ask() -> None:
        statuses.append(requests.post(url, data=PHOTO, timeout=300).status_code)

    def wake() -> None:
        while registered(served)[0] == old:
            time.sleep(0.05)
        time.sleep(1)  # in which the old version must not be unregistered
        for worker in workers:
            os.kill(worker, signal.SIGCONT)

    for worker in workers:
        os.kill(worker, signal.SIGSTOP)
    threads = [threading.Thread(target=wake), *(threading.Thread(target=ask) for _ in range(10 + 8 * len(workers)))]
    for thread in threads:
        thread.start()
    while served.management.describe(name)[0]["jobQueueStatus"]["pendingRequests"] < 10:
        time.sleep(0.05)
    command.run("back", name)
    for thread in threads:
        thread.join()
    assert set(statuses) == {200}
    assert len(statuses) == len(threads) - 1
    assert old not in registered(served)[1]


def test_what_cannot_be_begun_changes_nothing(
    served: TorchServe, command: Command, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    before = registered(served)
    (empty := tmp_path / "empty").mkdir()
    own = served.management.describe(model(served))[0]["modelUrl"]
    for words, message in (
        (["start", "nowhere.mar"], "status 404): Model not found"),
        (["start", own], "serves already"),
        (["start", "1.mar", "--canary", "10"], "--canary needs the gateway"),
        (["start", "1.mar", "--canary", "100"], "from 1 to 99"),
        (["start", "1.mar", "--photos", str(empty)], "is empty: name a folder with photos"),
        (["start", "1.mar", "--photos", str(tmp_path / "none")], "there is no folder"),
        (["back", "nobody"], "name the archive to go back to"),
    ):
        with pytest.raises(SystemExit):
            command.run(*words)
        assert message in capsys.readouterr().err
        assert registered(served) == before, words
    command.monkeypatch.setenv("ALLOWED_SHA256", "0" * 64)
    with pytest.raises(SystemExit):
        command.run("start", "1.mar", "--store", str(served.store))
    assert "1.mar has SHA-256 " in capsys.readouterr().err
    assert registered(served) == before


def test_what_was_registered_before_the_command_stays(
    served: TorchServe, command: Command, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """As with an image that brings two versions: nobody has switched between them."""
    command.monkeypatch.setattr(history, "FILE", tmp_path / "none.json")
    own = served.management.describe(model(served))[0]["modelUrl"]
    other = served.management.register("different.mar")
    try:
        before = registered(served)
        assert before[1] == sorted([before[0], "7.0"])
        for archive, message in ((own, "serves already"), ("different.mar", "more than 1 photos")):
            with pytest.raises(SystemExit):
                command.start(archive, "--max-differ", "1")
            assert message in capsys.readouterr().err
            assert registered(served) == before, archive
    finally:
        served.management.unregister(*other)


def test_interrupting_the_registration_leaves_nothing_registered(served: TorchServe, command: Command) -> None:
    before, add = registered(served), Management.add

    def interrupted(management: Management, archive: str) -> None:
        add(management, archive)
        raise KeyboardInterrupt

    command.monkeypatch.setattr(Management, "add", interrupted)
    with pytest.raises(SystemExit) as ended:
        command.start("different.mar")
    assert ended.value.code == 130
    assert registered(served) == before


def test_an_archive_that_holds_another_version_by_now_is_no_way_back(
    served: TorchServe, command: Command, capsys: pytest.CaptureFixture[str]
) -> None:
    before, name = registered(served), model(served)
    history.remember(served.management.url, name, history.Replaced("different.mar", "0.9", before[0]))
    with pytest.raises(SystemExit):
        command.run("back", name)
    assert "different.mar holds " in capsys.readouterr().err
    assert registered(served) == before
