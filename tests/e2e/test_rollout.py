"""Rollouts and canaries through the gateway, on three replicas under load."""

import json
import os
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

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


@pytest.fixture(scope="module")
def model(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The model's name, on three replicas, with version 2.0 in the store, and 3.0, which fails after some requests."""
    tmp_path = tmp_path_factory.mktemp("versions")
    model, server = stack.model(), stack.containers("torchserve")[0]
    docker("cp", f"{server}:/srv/models/{model}.mar", str(tmp_path / "first.mar"))
    as_version("2.0", tmp_path / "first.mar", tmp_path / "second.mar")
    as_version("3.0", tmp_path / "first.mar", tmp_path / "third.mar", handle=BREAKS)
    for name in ("second.mar", "third.mar"):
        with (tmp_path / name).open("rb") as archive:
            command = ["docker", "exec", "--interactive", server, "sh", "-c", f"cat > /srv/models/{name}"]
            subprocess.run(command, stdin=archive, check=True)
    stack.up(replicas=3)
    yield model
    stack.up(replicas=1)
    docker("exec", stack.containers("torchserve")[0], "rm", "/srv/models/second.mar", "/srv/models/third.mar")


def rollout(stack: Stack, *words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "scripts", "rollout", *words]
    command += ["--url", stack.management_url, "--inference", stack.url]
    environment = {**os.environ, "MANAGEMENT_TOKEN": TOKEN}
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd=PROJECT, env=environment)


def versions(stack: Stack, model: str) -> set[tuple[str, ...]]:
    """Return the versions of each replica, the default one first."""
    found = set()
    for replica in stack.replica_apis():
        default = replica.version(model).version
        all_versions = {version.version for version in replica.versions(model)}
        found.add((default, *sorted(all_versions - {default})))
    return found


@contextmanager
def readiness(stack: Stack) -> Iterator[Counter[int]]:
    """Probe the gateway's readiness twice a second, and count the statuses."""
    statuses: Counter[int] = Counter()
    stop = threading.Event()

    def probe() -> None:
        while not stop.wait(0.5):
            statuses[requests.get(f"{stack.url}/readyz", timeout=30).status_code] += 1

    thread = threading.Thread(target=probe)
    thread.start()
    try:
        yield statuses
    finally:
        stop.set()
        thread.join()


@pytest.mark.faults
def test_rollout_with_a_canary_and_back(stack: Stack, model: str, image: bytes) -> None:
    with Load(f"{stack.url}/predictions/{model}", image, clients=6) as load, readiness(stack) as statuses:
        load.wait_for(50)
        forward = rollout(stack, "start", "second.mar", "--canary", "30", "--watch", "8")
        assert forward.returncode == 0, forward.stdout + forward.stderr
        assert versions(stack, model) == {("2.0",)}
        # A canary of a killed command ends before its version is unregistered.
        stack.management().request("PUT", f"/gateway/canary/{model}", data=b"2.0 10")
        back = rollout(stack, "back", model)
        assert back.returncode == 0, back.stdout + back.stderr
        assert stack.manage("GET", "/gateway/canaries.json").json() == {}
        assert versions(stack, model) == {("1.0",)}
        load.wait_for(load.counts()["200"] + 50)
    assert set(load.counts()) == {"200"}, load.counts()
    assert set(statuses) == {200}
    routed = Counter(line["canary"] for line in stack.log() if line["request_id"] in load.outcomes)
    canary, default = routed[f"{model}/2.0"], routed[f"{model}/default"]
    assert 0.1 < canary / (canary + default) < 0.5, routed
    assert f"{model} 2.0: " in forward.stdout
    assert "0 of 4 images have another top-1 class, and its score changes by up to 0.0000" in forward.stdout
    load.record("a rollout with a canary and a way back, three replicas")


def test_a_failing_canary_is_rejected(stack: Stack, model: str, image: bytes) -> None:
    with Load(f"{stack.url}/predictions/{model}", image, clients=6) as load:
        load.wait_for(50)
        stopped = rollout(stack, "start", "third.mar", "--canary", "30", "--watch", "60")
        after = load.counts()
        load.wait_for(after["200"] + 50)
    assert stopped.returncode == 1, stopped.stdout
    assert f"{model} 3.0 fails more often than the version that serves: " in stopped.stderr
    assert versions(stack, model) == {("1.0",)}
    assert stack.manage("GET", "/gateway/canaries.json").json() == {}
    failed = [line for line in stack.log() if line["request_id"] in load.outcomes and line["status"] != 200]
    assert failed
    assert {line["canary"] for line in failed} == {f"{model}/3.0"}, json.dumps(failed[:3])
    assert sum(load.counts().values()) - load.counts()["200"] == len(failed)


@pytest.mark.parametrize(("method", "path"), [("PUT", "/gateway/canary/x"), ("GET", "/gateway/replicas.json")])
def test_the_gateways_state_needs_the_token(stack: Stack, method: str, path: str) -> None:
    assert stack.manage(method, path, token="").status_code == 401


def test_invalid_canaries_are_ignored(stack: Stack) -> None:
    management = stack.management()
    try:
        for name, body in {"evil": b"2.0 10% 1; } evil {", "good": b"2.0 10"}.items():
            management.request("PUT", f"/gateway/canary/{name}", data=body)
        wait_for("the canary", lambda: stack.manage("GET", "/gateway/canaries.json").json() == {"good": "2.0 10"})
        for path in ("a/b", ".hidden", "%2e%2e%2fx"):
            with pytest.raises(ManagementApiError, match=r"status 40[04]"):
                management.request("PUT", f"/gateway/canary/{path}", data=b"2.0 10")
    finally:
        for name in ("evil", "good"):
            management.request("DELETE", f"/gateway/canary/{name}")
    wait_for("no canary", lambda: stack.manage("GET", "/gateway/canaries.json").json() == {})


def test_registration_at_a_single_replica_is_checked(stack: Stack) -> None:
    address = stack.address(stack.containers("torchserve")[0])
    replica = f"/gateway/replicas/{address}"
    wait_for("all replicas", lambda: stack.manage("GET", "/gateway/replicas.json").json()["away"] == 0)
    for url in ("http://127.0.0.1:8082/metrics", "file:///etc/passwd", "nowhere.mar"):
        assert stack.manage("POST", f"{replica}/models", url=url).status_code == 403, url
    for path in ("/models/", "/models/x", "/workflows"):
        assert stack.manage("POST", f"{replica}{path}", url=f"{stack.model()}.mar").status_code in (404, 405), path
    assert stack.manage("GET", "/gateway/replicas/192.0.2.1/models").status_code == 404
    assert stack.manage("GET", f"{replica}/models", token="").status_code == 401
