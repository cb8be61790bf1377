"""Replicas behind the gateway, under load."""

import json
import time
from collections import Counter

import pytest
import requests

from tests.e2e.problems import assert_problem
from tests.e2e.stack import Stack, docker
from tests.load import Load
from tests.waiting import wait_for


@pytest.mark.faults
def test_two_of_three_replicas_lost(stack: Stack, image: bytes) -> None:
    """All replicas get requests and each change to the models. Then one is killed and one is stopped under load."""
    model = stack.model()

    def scale(count: int) -> requests.Response:
        return stack.manage("PUT", f"/models/{model}", min_worker=count, max_worker=count, synchronous="true")

    def workers() -> list[int]:
        return [replica.version(model).min_workers for replica in stack.replica_apis()]

    def follow(count: int) -> None:
        wait_for("the change", lambda: scale(count).ok)
        wait_for("all replicas to follow", lambda: workers() == [count] * 3)

    try:
        stack.compose("up", "--detach", "--scale", "torchserve=3")
        # In a list, because a response is false if its status is an error.
        early = wait_for("a 409 while replicas start", lambda: [error for error in [scale(1)] if not error.ok])
        assert_problem(early[0], 409, "replicas-changing")
        stack.up(replicas=3)
        for count in (2, 1):
            follow(count)

        addresses = {f"{stack.address(replica)}:8080" for replica in stack.containers("torchserve")}
        with Load(f"{stack.url}/predictions/{model}", image, clients=12) as load:
            load.wait_for(200)
            spread = Counter(line["upstream"] for line in stack.log() if line["request_id"] in load.outcomes)
            docker("kill", "--signal", "KILL", stack.containers("torchserve")[0])
            wait_for("the gateway to notice", lambda: stack.replicas() == 2)
            load.wait_for(load.counts()["200"] + 200)
            docker("stop", "-t", "45", stack.containers("torchserve")[0])
            wait_for("the gateway to notice", lambda: stack.replicas() == 1)
            load.wait_for(load.counts()["200"] + 100)
        assert set(load.counts()) == {"200"}, load.counts()
        assert addresses <= set(spread), spread
        fair = sum(spread.values()) / 3
        assert all(spread[address] > fair / 2 for address in addresses), spread
        load.record("containers: two of three replicas lost: one killed, one stopped")
    finally:
        stack.up(replicas=1)


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
    model, gateway = stack.model(), stack.containers("gateway")[0]
    # Connect to the gateway's container: Docker's proxy accepts connections even while the container is down.
    url = f"http://{stack.address(gateway, 'outside')}:8080/predictions/{model}"
    with Load(url, image, keep_alive=False) as load:
        load.wait_for(50)
        start = time.monotonic()
        stack.compose("stop")
        took = time.monotonic() - start
    log = stack_log(stack)
    accepted = {line["request_id"]: line["status"] for line in log if line["request_id"] in load.outcomes}
    # Each request that the gateway accepted succeeded; the others were refused before they were sent.
    assert set(accepted.values()) == {200}
    assert all(load.outcomes[str(request_id)] == "200" for request_id in accepted)
    load.refuse_untaken(line["request_id"] for line in log)
    assert set(load.counts()) <= {"200", "refused"}, load.counts()
    load.record("containers: `make down` under load", seconds=round(took, 1))
    assert took < 60, took  # far below the grace periods, so nothing was killed
    for service in ("gateway", "torchserve"):
        states = docker(
            "ps", "--all", "--format", "{{.Status}}", "--filter", f"name={stack.project}.{service}"
        ).splitlines()
        assert all(state.startswith("Exited (0)") for state in states), states
    stack.up()


def stack_log(stack: Stack) -> list[dict[str, object]]:
    name = docker("ps", "--all", "--quiet", "--filter", f"name={stack.project}.gateway")
    lines = docker("logs", name).splitlines()
    return [json.loads(line) for line in lines if line.startswith("{")]
