"""Replicas behind the gateway, under load."""

import os
import signal
import subprocess
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest
import requests

from tests.archives import as_version
from tests.e2e.problems import assert_problem
from tests.e2e.stack import TOKEN, Stack, docker, paused, request_log
from tests.load import Load
from tests.waiting import wait_for

RESPONSE_SECONDS = 20.0  # in docker-compose.yml
Fault = Callable[[Stack, str], AbstractContextManager[None]]


@pytest.fixture
def two_replicas(stack: Stack) -> Iterator[str]:
    """The model's name, on two replicas."""
    model = stack.model()
    stack.up(replicas=2)
    yield model
    stack.up(replicas=1)


@pytest.mark.faults
def test_two_of_three_replicas_lost(stack: Stack, image: bytes) -> None:
    """All replicas hold as many requests. Then one is killed and one is stopped under load."""
    model = stack.model()
    try:
        stack.up(replicas=3)
        addresses = {f"{stack.address(replica)}:8080" for replica in stack.containers("torchserve")}
        time.sleep(3)  # the gateway looks up the name every two seconds
        with Load(f"{stack.url}/predictions/{model}", image, clients=12) as load:
            load.wait_for(200)
            held = seconds_held(line for line in stack.log() if line["request_id"] in load.outcomes)
            docker("kill", "--signal", "KILL", stack.containers("torchserve")[0])
            load.wait_for(load.counts()["200"] + 200)
            docker("stop", "-t", "45", stack.containers("torchserve")[0])
            load.wait_for(load.counts()["200"] + 100)
        assert set(load.counts()) == {"200"}, load.counts()
        fair = sum(held.values()) / 3
        assert all(held[address] > fair / 2 for address in addresses), held
        load.record("containers: two of three replicas lost: one killed, one stopped")
    finally:
        stack.up(replicas=1)


def seconds_held(log: Iterable[dict[str, str]]) -> dict[str, float]:
    """Return the time that requests took at each server, which the gateway keeps equal; not how many each served."""
    held: dict[str, float] = defaultdict(float)
    for line in log:
        for server, seconds in zip(line["upstream"].split(", "), line["upstream_seconds"].split(", "), strict=True):
            held[server] += float(seconds)
    return held


def test_with_several_replicas_changes_are_refused(stack: Stack, two_replicas: str) -> None:
    assert stack.manage("GET", "/models").ok
    before = {(version.id, version.min_workers) for version in stack.versions(two_replicas)}
    for method, path in (
        ("PUT", f"/models/{two_replicas}"),
        ("POST", "/models"),
        ("DELETE", f"/models/{two_replicas}"),
        ("PUT", f"/gateway/canary/{two_replicas}"),
    ):
        response = stack.manage(method, path)
        assert_problem(response, 409, "several-replicas")
        assert "make update" in response.json()["detail"]
    assert stack.manage("DELETE", f"/gateway/canary/{two_replicas}").status_code == 404  # passes, there is none
    assert {(version.id, version.min_workers) for version in stack.versions(two_replicas)} == before


def test_a_change_while_a_replica_is_away_is_refused(stack: Stack) -> None:
    with stack.gateway("-e", "REPLICAS=2") as (_, address):
        url, headers = f"http://{address}:8081/models", {"Authorization": f"Bearer {TOKEN}"}
        assert_problem(requests.post(url, headers=headers, timeout=30), 409, "several-replicas")
        forged = requests.post(url, headers=headers | {"X-Expected-Replicas": "1"}, timeout=30)
        assert_problem(forged, 409, "several-replicas")
        assert requests.get(url, headers=headers, timeout=30).ok


@contextmanager
def disconnected(stack: Stack, server: str) -> Iterator[None]:
    network = f"{stack.project}_serving"
    docker("network", "disconnect", network, server)
    try:
        yield
    finally:
        docker("network", "connect", "--alias", "torchserve", network, server)


@pytest.mark.faults
def test_a_paused_replica(stack: Stack, two_replicas: str, image: bytes) -> None:
    load = under_fault(stack, two_replicas, image, lambda _, server: paused(server))
    assert set(load.counts()) == {"200"}, load.counts()
    load.record("containers: one of two replicas paused for 30 s")


@pytest.mark.faults
def test_a_disconnected_replica(stack: Stack, two_replicas: str, image: bytes) -> None:
    load = under_fault(stack, two_replicas, image, disconnected)
    assert set(load.counts()) == {"200"}, load.counts()
    load.record("containers: one of two replicas without a network for 30 s")


def under_fault(stack: Stack, model: str, image: bytes, fault: Fault) -> Load:
    """Have one of two replicas hang under load.

    Its in-flight requests wait for RESPONSE_SECONDS at most; the other replica answers all others.
    """
    server = stack.containers("torchserve")[0]
    time.sleep(3)  # the gateway looks up the name every two seconds
    with Load(f"{stack.url}/predictions/{model}", image, clients=8) as load:
        load.wait_for(100)
        load.begin_fault()
        with fault(stack, server):
            end = time.monotonic() + 30
            load.wait_for(load.counts()["200"] + 50)
            wait_for("all in-flight requests", lambda: time.monotonic() > end, 60)
        load.wait_for(load.counts()["200"] + 50)
    assert load.longest < RESPONSE_SECONDS + 5
    return load


@pytest.fixture
def next_image(stack: Stack, tmp_path: Path) -> Iterator[str]:
    """An image that brings version 1.1 of the model."""
    model, server = stack.model(), stack.containers("torchserve")[0]
    docker("cp", f"{server}:/srv/models/{model}.mar", str(tmp_path / "first.mar"))
    as_version("1.1", tmp_path / "first.mar", tmp_path / f"{model}-1.1.mar")
    (tmp_path / f"{model}-1.1.mar").chmod(0o644)
    (tmp_path / "first.mar").unlink()
    commands = f"FROM {stack.environment['IMAGE']}\nUSER root\nRUN rm /srv/archives/*\nCOPY *.mar /srv/archives/\n"
    (tmp_path / "Dockerfile").write_text(f"{commands}USER classifier\n")
    docker("build", "--quiet", "--tag", f"{stack.project}:next", str(tmp_path))
    yield f"{stack.project}:next"
    docker("rmi", "--force", f"{stack.project}:next")


@pytest.mark.faults
def test_update_under_load(stack: Stack, next_image: str, image: bytes) -> None:
    model, before = stack.model(), stack.containers("torchserve")
    with Load(f"{stack.url}/predictions/{model}", image, clients=8) as load:
        load.wait_for(50)
        load.begin_fault()
        result = stack.update(next_image)
        load.wait_for(load.counts()["200"] + 50)
    assert result.returncode == 0, result.stdout + result.stderr
    assert set(load.counts()) == {"200"}, load.counts()
    load.record("containers: the model server replaced by a new image (`make update`)")
    stack.wait_ready()
    (after,) = stack.containers("torchserve")
    assert after not in before
    assert "UnknownHostException" not in stack.compose("logs", "torchserve")  # of its own name, for which it would wait
    assert [version.version for version in stack.versions(model)] == ["1.1"]
    docker("kill", "--signal", "KILL", after)
    docker("start", after)
    stack.wait_ready()
    assert [version.version for version in stack.versions(model)] == ["1.1"]  # and not what the old server wrote last
    back = stack.update(stack.environment["IMAGE"])
    assert back.returncode == 0, back.stdout + back.stderr
    stack.wait_ready()
    assert [version.version for version in stack.versions(model)] == ["1.0"]
    (first,) = stack.containers("torchserve")
    stack.up()
    assert stack.containers("torchserve") == [first]  # compose has nothing to do


def test_an_image_that_does_not_serve_replaces_nothing(stack: Stack, tmp_path: Path) -> None:
    (tmp_path / "Dockerfile").write_text(f"FROM {stack.environment['IMAGE']}\nENV STATE=/nowhere\n")
    docker("build", "--quiet", "--tag", f"{stack.project}:broken", str(tmp_path))
    before = stack.containers("torchserve")
    try:
        result = stack.update(f"{stack.project}:broken")
    finally:
        docker("rmi", "--force", f"{stack.project}:broken")
    assert result.returncode == 1
    assert "the new server does not serve" in result.stderr
    assert stack.containers("torchserve") == before
    stack.wait_ready()


def test_an_update_that_is_interrupted_while_the_old_server_stops_keeps_the_new_one(stack: Stack) -> None:
    (old,) = stack.containers("torchserve")
    accepting = f"http://{stack.address(old)}:8083/accepting"
    command = ["bash", "scripts/container/update.sh", "--no-build"]
    with subprocess.Popen(command, cwd=stack.directory, env=stack.environment, start_new_session=True) as update:
        wait_for("the old server to stop", lambda: requests.get(accepting, timeout=5).status_code == 503, 300)
        os.killpg(update.pid, signal.SIGINT)  # Ctrl-C
    assert update.returncode != 0
    wait_for("the old server's end", lambda: old not in stack.containers("torchserve"))
    docker("rm", old)
    time.sleep(3)  # until the gateway has forgotten the old address
    stack.wait_ready()


@pytest.mark.faults
def test_the_only_replica_killed(stack: Stack, image: bytes) -> None:
    model, server = stack.model(), stack.containers("torchserve")[0]
    with Load(f"{stack.url}/predictions/{model}", image) as load:
        load.wait_for(20)
        load.begin_fault()
        docker("kill", "--signal", "KILL", server)
        wait_for("refusals", lambda: load.counts()["503"] > 0)
        refused = requests.post(f"{stack.url}/predictions/{model}", data=image, timeout=10)
        stack.up()
        load.wait_for(load.counts()["200"] + 20)
    assert set(load.counts()) <= {"200", "502", "503", "504"}, load.counts()  # no cut connection
    assert_problem(refused, 503, "busy")
    load.record("containers: the only model server killed (-9), and started again by hand")


@pytest.mark.faults
def test_down_under_load_cuts_no_request(stack: Stack, image: bytes) -> None:
    model, gateway, server = stack.model(), *(stack.containers(name)[0] for name in ("gateway", "torchserve"))
    # Connect to the gateway's container: Docker's proxy accepts connections even while the container is down.
    url = f"http://{stack.address(gateway, 'outside')}:8080/predictions/{model}"
    with Load(url, image, keep_alive=False) as load:
        load.wait_for(50)
        start = time.monotonic()
        stack.compose("stop")
        took = time.monotonic() - start
    log = request_log(gateway)
    accepted = {line["request_id"]: line["status"] for line in log if line["request_id"] in load.outcomes}
    # Each request that the gateway accepted succeeded; the others were refused before they were sent.
    assert set(accepted.values()) == {200}
    assert all(load.outcomes[str(request_id)] == "200" for request_id in accepted)
    load.refuse_untaken(line["request_id"] for line in log + request_log(server))
    assert set(load.counts()) <= {"200", "refused"}, load.counts()
    load.record("containers: `make down` under load", seconds=round(took, 1))
    assert took < 60, took  # far below the grace periods, so nothing was killed
    for service in ("gateway", "torchserve"):
        states = docker(
            "ps", "--all", "--format", "{{.Status}}", "--filter", f"name={stack.project}.{service}"
        ).splitlines()
        assert all(state.startswith("Exited (0)") for state in states), states
    stack.up()
