"""New versions come and go behind the gateway, on three replicas, with a canary, under load."""

import json
import os
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import requests

from scripts.client.management import ManagementApiError
from scripts.common.paths import PROJECT
from tests.archives import as_version
from tests.e2e.stack import TOKEN, Stack, docker
from tests.load import Load
from tests.waiting import wait_for

BREAKS = """self.count = getattr(self, "count", 0) + len(data)
        if self.count > 20:
            raise RuntimeError
        return super().handle(data, context)"""


@pytest.fixture
def store(stack: Stack, tmp_path: Path) -> Iterator[str]:
    """A store with a good version 2.0 and with 3.0, which fails after its first requests; gives the model's name."""
    model, server = stack.model(), stack.containers("torchserve")[0]
    docker("cp", f"{server}:/srv/models/{model}.mar", str(tmp_path / "first.mar"))
    as_version("2.0", tmp_path / "first.mar", tmp_path / "second.mar")
    as_version("3.0", tmp_path / "first.mar", tmp_path / "third.mar", handle=BREAKS)
    for name in ("second.mar", "third.mar"):
        with (tmp_path / name).open("rb") as archive:
            command = ["docker", "exec", "--interactive", server, "sh", "-c", f"cat > /srv/models/{name}"]
            subprocess.run(command, stdin=archive, check=True)
    yield model
    stack.up(replicas=1)
    docker("exec", stack.containers("torchserve")[0], "rm", "/srv/models/second.mar", "/srv/models/third.mar")


def rollout(stack: Stack, *words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "scripts", "rollout", *words]
    command += ["--url", stack.management_url, "--inference", stack.url]
    environment = {**os.environ, "MANAGEMENT_TOKEN": TOKEN}
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd=PROJECT, env=environment)


def versions(stack: Stack, model: str) -> set[tuple[str, ...]]:
    """Return which versions each replica has, the default one first."""
    found = set()
    for replica in stack.replica_apis():
        default = replica.version(model).version
        everything = {one.version for one in replica.versions(model)}
        found.add((default, *sorted(everything - {default})))
    return found


@contextmanager
def readiness(stack: Stack) -> Iterator[Counter[int]]:
    """Ask the gateway again and again whether a prediction would work, and count its answers."""
    said: Counter[int] = Counter()
    stop = threading.Event()

    def ask() -> None:
        while not stop.wait(0.5):
            said[requests.get(f"{stack.url}/readyz", timeout=30).status_code] += 1

    thread = threading.Thread(target=ask)
    thread.start()
    try:
        yield said
    finally:
        stop.set()
        thread.join()


@pytest.mark.faults
def test_a_canary_a_rollout_and_a_way_back_on_three_replicas(stack: Stack, store: str, photo: bytes) -> None:
    stack.up(replicas=3)
    url = f"{stack.url}/predictions/{store}"
    with Load(url, photo, clients=6) as load, readiness(stack) as said:
        load.wait_for(50)
        forward = rollout(stack, "start", "second.mar", "--canary", "30", "--watch", "8")
        assert forward.returncode == 0, forward.stdout + forward.stderr
        assert versions(stack, store) == {("2.0",)}
        # What a command that was killed leaves behind ends before the version that it leads to goes.
        stack.management().request("PUT", f"/gateway/canary/{store}", data=b"2.0 10")
        back = rollout(stack, "back", store)
        assert back.returncode == 0, back.stdout + back.stderr
        assert stack.manage("GET", "/gateway/canaries.json").json() == {}
        assert versions(stack, store) == {("1.0",)}
        load.wait_for(load.counts()["200"] + 50)
    assert set(load.counts()) == {"200"}, load.counts()
    assert set(said) == {200}
    lots = Counter(line["canary"] for line in stack.log() if line["request_id"] in load.outcomes)
    tried, rest = lots[f"{store}/2.0"], lots[f"{store}/default"]
    assert 0.1 < tried / (tried + rest) < 0.5, lots
    assert f"{store} 2.0: " in forward.stdout
    assert "0 of 4 images have another top-1 class, and its score changes by up to 0.0000" in forward.stdout
    load.record("a rollout with a canary and a way back, three replicas")

    with Load(url, photo, clients=6) as load:
        load.wait_for(50)
        stopped = rollout(stack, "start", "third.mar", "--canary", "30", "--watch", "60")
        after = load.counts()
        load.wait_for(after["200"] + 50)
    assert stopped.returncode == 1, stopped.stdout
    assert f"{store} 3.0 fails more often than the version that serves: " in stopped.stderr
    assert versions(stack, store) == {("1.0",)}
    assert stack.manage("GET", "/gateway/canaries.json").json() == {}
    failed = [line for line in stack.log() if line["request_id"] in load.outcomes and line["status"] != 200]
    assert failed
    assert {line["canary"] for line in failed} == {f"{store}/3.0"}, json.dumps(failed[:3])
    assert sum(load.counts().values()) - load.counts()["200"] == len(failed)


@pytest.mark.parametrize(("method", "path"), [("PUT", "/gateway/canary/x"), ("GET", "/gateway/replicas.json")])
def test_nobody_without_the_token_reaches_the_gateways_state(stack: Stack, method: str, path: str) -> None:
    assert stack.manage(method, path, token="").status_code == 401


def test_what_is_no_canary_is_left_out(stack: Stack) -> None:
    management = stack.management()
    try:
        for name, body in {"evil": b"2.0 10% 1; } evil {", "good": b"2.0 10"}.items():
            management.request("PUT", f"/gateway/canary/{name}", data=body)
        wait_for("it", lambda: stack.manage("GET", "/gateway/canaries.json").json() == {"good": "2.0 10"})
        for path in ("a/b", ".hidden", "%2e%2e%2fx"):
            with pytest.raises(ManagementApiError, match=r"status 40[04]"):
                management.request("PUT", f"/gateway/canary/{path}", data=b"2.0 10")
    finally:
        for name in ("evil", "good"):
            management.request("DELETE", f"/gateway/canary/{name}")
    wait_for("its end", lambda: stack.manage("GET", "/gateway/canaries.json").json() == {})


def test_one_replica_is_no_way_around_what_may_be_registered(stack: Stack) -> None:
    address = stack.address(stack.containers("torchserve")[0])
    replica = f"/gateway/replicas/{address}"
    wait_for("all replicas", lambda: stack.manage("GET", "/gateway/replicas.json").json()["away"] == 0)
    for url in ("http://127.0.0.1:8082/metrics", "file:///etc/passwd", "nowhere.mar"):
        assert stack.manage("POST", f"{replica}/models", url=url).status_code == 403, url
    for path in ("/models/", "/models/x", "/workflows"):
        assert stack.manage("POST", f"{replica}{path}", url=f"{stack.model()}.mar").status_code in (404, 405), path
    assert stack.manage("GET", "/gateway/replicas/192.0.2.1/models").status_code == 404
    assert stack.manage("GET", f"{replica}/models", token="").status_code == 401
