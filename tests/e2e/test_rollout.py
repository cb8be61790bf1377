"""Rollouts and canaries through the gateway, under load."""

import json
import os
import re
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

BREAKS = """self.count = getattr(self, "count", 0) + len(data)
        if self.count > 20:
            raise RuntimeError
        return super().handle(data, context)"""


@pytest.fixture(scope="module")
def model(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The model's name, with version 2.0 in the store, and 3.0, which fails after some requests."""
    tmp_path = tmp_path_factory.mktemp("versions")
    model, server = stack.model(), stack.containers("torchserve")[0]
    docker("cp", f"{server}:/srv/models/{model}.mar", str(tmp_path / "first.mar"))
    as_version("2.0", tmp_path / "first.mar", tmp_path / "second.mar")
    as_version("3.0", tmp_path / "first.mar", tmp_path / "third.mar", handle=BREAKS)
    for name in ("second.mar", "third.mar"):
        with (tmp_path / name).open("rb") as archive:
            command = ["docker", "exec", "--interactive", server, "sh", "-c", f"cat > /srv/models/{name}"]
            subprocess.run(command, stdin=archive, check=True)
    yield model
    docker("exec", stack.containers("torchserve")[0], "rm", "/srv/models/second.mar", "/srv/models/third.mar")


def rollout(stack: Stack, *words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "scripts", "rollout", *words]
    command += ["--url", stack.management_url, "--inference", stack.url]
    environment = {**os.environ, "MANAGEMENT_TOKEN": TOKEN}
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd=PROJECT, env=environment)


def versions(stack: Stack, model: str) -> tuple[str, ...]:
    """Return the versions, the default one first."""
    default = stack.management().version(model).version
    all_versions = {version.version for version in stack.versions(model)}
    return (default, *sorted(all_versions - {default}))


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
        assert versions(stack, model) == ("2.0",)
        # A canary of a killed command ends before its version is unregistered.
        stack.management().request("PUT", f"/gateway/canary/{model}", data=b"2.0 10")
        back = rollout(stack, "back", model)
        assert back.returncode == 0, back.stdout + back.stderr
        assert canaries(stack) == {}
        assert versions(stack, model) == ("1.0",)
        load.wait_for(load.counts()["200"] + 50)
    assert set(load.counts()) == {"200"}, load.counts()
    assert set(statuses) == {200}
    assert {line["canary"] for line in stack.log() if line["request_id"] in load.outcomes} == {"", f"{model}/2.0"}
    default, canary = map(int, re.findall(r"(\d+) requests, ", forward.stdout))
    assert 0.1 < canary / (canary + default) < 0.5, forward.stdout
    assert f"{model} 2.0: " in forward.stdout
    assert "0 of 4 images have another top-1 class, and its score changes by up to 0.0000" in forward.stdout
    load.record("a rollout with a canary and a way back")


def test_a_failing_canary_is_rejected(stack: Stack, model: str, image: bytes) -> None:
    with Load(f"{stack.url}/predictions/{model}", image, clients=6) as load:
        load.wait_for(50)
        stopped = rollout(stack, "start", "third.mar", "--canary", "30", "--watch", "60")
        after = load.counts()
        load.wait_for(after["200"] + 50)
    assert stopped.returncode == 1, stopped.stdout
    assert f"{model} 3.0 fails more often than the version that serves: " in stopped.stderr
    assert versions(stack, model) == ("1.0",)
    assert canaries(stack) == {}
    failed = [line for line in stack.log() if line["request_id"] in load.outcomes and line["status"] != 200]
    assert failed
    assert {line["canary"] for line in failed} == {f"{model}/3.0"}, json.dumps(failed[:3])
    assert sum(load.counts().values()) - load.counts()["200"] == len(failed)


@pytest.mark.parametrize(
    ("method", "path"), [("PUT", "/gateway/canary/x"), ("GET", "/gateway/canaries.json"), ("GET", "/gateway/metrics")]
)
def test_the_gateways_state_needs_the_token(stack: Stack, method: str, path: str) -> None:
    assert stack.manage(method, path, token="").status_code == 401


def canaries(stack: Stack) -> dict[str, str]:
    """Return the canaries by model."""
    listed: dict[str, str] = stack.manage("GET", "/gateway/canaries.json").json()["canaries"]
    return listed


def test_the_counts_of_a_canary_begin_at_zero(stack: Stack, model: str) -> None:
    """Prometheus sees no increase in a series that begins at 1."""
    management = stack.management()
    management.request("PUT", f"/gateway/canary/{model}", data=b"9.0 1")
    try:
        counted = management.request("GET", "/gateway/metrics").text
    finally:
        management.request("DELETE", f"/gateway/canary/{model}")
    assert f'gateway_requests_total{{route="predictions",model="{model}",version="9.0",status="500"}} 0\n' in counted


def test_invalid_canaries_are_refused(stack: Stack) -> None:
    management = stack.management()
    for path, body in {"m": b"2.0 10% 1; } evil {", "a/b": b"2.0 10", ".m": b"2.0 10", "%2e%2e%2fx": b"2.0 10"}.items():
        with pytest.raises(ManagementApiError, match=r"status 40[04]"):
            management.request("PUT", f"/gateway/canary/{path}", data=body)
    assert canaries(stack) == {}


def test_idleness_of_a_version(stack: Stack, model: str) -> None:
    assert stack.manage("GET", f"/gateway/idle/{model}/1.0").json() == {"idle": True}
    assert stack.manage("GET", f"/gateway/idle/{model}/1.0", token="").status_code == 401
