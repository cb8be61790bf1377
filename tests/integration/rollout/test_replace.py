"""Versions replace each other on a real server under load: no request fails."""

import json
import os
import signal
import threading
import time

import pytest

from scripts.client.predict import predict
from tests.integration.rollout.conftest import IMAGE, Command, Served
from tests.load import Load
from tests.waiting import wait_for

REQUESTS = 10_000


@pytest.mark.timeout(600)
@pytest.mark.faults
def test_three_rollouts_and_a_rollback_under_load(served: Served, command: Command) -> None:
    expected = predict(served.inference, served.name, IMAGE).json()
    registered_from: dict[str, list[float]] = {"1.0": [0.0]}
    registered_to: dict[str, list[float]] = {}
    took, said = [], ""
    with served.load() as running, served.readiness() as problems:
        for old, new in (("1.0", "2.0"), ("2.0", "3.0"), ("3.0", "4.0"), ("4.0", "3.0")):
            running.wait_for(running.counts()["200"] + 100)
            begin = time.monotonic()
            registered_from.setdefault(new, []).append(begin)
            result = command.start(f"{new[0]}.mar") if old < new else command.run("back", served.name)
            registered_to.setdefault(old, []).append(time.monotonic())
            took.append(round(time.monotonic() - begin, 1))
            assert result.exit_code == 0, result.output
            assert served.registered() == (new, [new])
            said += result.stdout
        running.wait_for(REQUESTS, timeout=400)
    assert set(running.counts()) == {"200"}, running.counts()
    assert set(problems) == {None}
    assert running.longest < min(took) / 2  # no request waited for another version's workers
    registered_to.setdefault("3.0", []).append(float("inf"))
    served_by = set()
    for sent, received, body in running.responses:
        rows = json.loads(body)
        version = rows[0]["label"].split()[0]
        spans = zip(registered_from[version], registered_to[version], strict=True)
        assert any(sent < end and begin < received for begin, end in spans), (version, sent, received)
        assert [row["class_id"] for row in rows] == [row["class_id"] for row in expected]
        assert [row["score"] for row in rows] == pytest.approx([row["score"] for row in expected], abs=1e-4)
        served_by.add(version)
    assert served_by == {"1.0", "2.0", "3.0", "4.0"}
    running.record("three rollouts and a rollback", seconds_each=took)
    assert "2 of 2 images have another top-1 class (a.png, b.png), " in said  # the labels hold the version
    assert "1 were left out" in said


def test_clients_that_name_the_old_version_keep_it(served: Served, command: Command) -> None:
    """The command fails, and goes on where it was once they have stopped."""
    (old, _), new = served.registered(), "2.0"
    served.management.scale(served.name, old, 2)
    with served.load(old, clients=4) as running:
        refused = command.start("2.mar", "--drain", "1")
        assert served.registered() == (new, sorted([old, new]))
        running.wait_for(running.counts()["200"] + 20)
    assert set(running.counts()) == {"200"}, running.counts()
    assert refused.exit_code == 1
    assert f"{old} still has requests after 1 s and stays registered" in refused.stderr
    resumed = command.start("2.mar")
    assert served.registered() == (new, [new])
    assert served.management.version(served.name).statuses == ["READY", "READY"]
    assert "2.0 is registered already: going on with it" in resumed.stdout


def test_requests_in_the_old_version_are_finished(served: Served, command: Command) -> None:
    assert command.start("3.mar" if served.registered()[0] != "3.0" else "4.mar").exit_code == 0
    old, _ = served.registered()
    workers = served.management.version(served.name).pids
    url = f"{served.inference}/predictions/{served.name}"
    clients = 10 + 8 * len(workers)

    def resume() -> None:
        wait_for("the new default", lambda: served.registered()[0] != old)
        time.sleep(1)  # the old version must stay registered meanwhile
        for worker in workers:
            os.kill(worker, signal.SIGCONT)

    for worker in workers:
        os.kill(worker, signal.SIGSTOP)
    with Load(url, IMAGE, clients, total=clients) as load:
        wait_for("a queue", lambda: served.management.version(served.name).queue.pending >= 10)
        thread = threading.Thread(target=resume)
        thread.start()
        result = command.run("back", served.name)
        thread.join()
    assert result.exit_code == 0, result.output
    assert load.counts() == {"200": clients}
    assert old not in served.registered()[1]
