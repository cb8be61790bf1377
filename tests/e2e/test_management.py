"""Management needs the token, containers have few privileges, and models survive restarts."""

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from tests.archives import as_version
from tests.e2e.problems import assert_problem
from tests.e2e.stack import Stack, docker
from tests.waiting import wait_for


@pytest.mark.parametrize("token", ["", "wrong", "E2E-TOKEN-0123456789ABCDEF"], ids=["none", "wrong", "other case"])
def test_management_needs_the_token(stack: Stack, token: str) -> None:
    for method in ("GET", "POST", "DELETE"):
        response = stack.manage(method, "/models", token=token)
        assert_problem(response, 401, "token-needed")
        assert response.headers["WWW-Authenticate"] == "Bearer"


def test_without_a_configured_token_management_is_closed(stack: Stack) -> None:
    name = f"{stack.project}-closed"
    stack.compose("run", "--detach", "--no-deps", "--name", name, "-e", "MANAGEMENT_TOKEN=", "torchserve")
    try:
        with stack.gateway("-e", f"BACKEND={name}") as (_, address):
            url = f"http://{address}:8081/models"
            wait_for("its status service", lambda: requests.get(url, timeout=10).status_code == 403)
            for headers in ({}, {"Authorization": "Bearer "}, {"Authorization": "Bearer x"}):
                assert_problem(requests.get(url, headers=headers, timeout=10), 403, "management-closed")
    finally:
        docker("rm", "--force", name)


def test_a_short_token_is_refused_at_the_start(stack: Stack) -> None:
    assert "shorter than 16 characters" in failed_start(stack, "torchserve", "-e", "MANAGEMENT_TOKEN=short")


def failed_start(stack: Stack, service: str, *options: str) -> str:
    """Start a container of its own that ends by itself, and return its errors."""
    name = f"{stack.project}-failing"
    stack.compose("run", "--detach", "--no-deps", "--name", name, *options, service)
    try:
        wait_for(
            "the container to exit",
            lambda: docker("inspect", "--format", "{{.State.Running}}", name) == "false" or None,
        )
        return subprocess.run(["docker", "logs", name], capture_output=True, text=True, check=True).stderr
    finally:
        docker("rm", "--force", name)


def test_archives_outside_the_store_are_refused(stack: Stack) -> None:
    for url in ("http://127.0.0.1:8082/metrics", "file:///etc/passwd", "file:///srv/models/../../etc/passwd"):
        assert_problem(stack.manage("POST", "/models", url=url), 403, "registration-refused")


def test_only_the_gateway_is_published(stack: Stack) -> None:
    for service, ports in {"torchserve": set(), "gateway": {"8080/tcp", "8081/tcp"}}.items():
        published = json.loads(
            docker("inspect", "--format", "{{json .NetworkSettings.Ports}}", stack.containers(service)[0])
        )
        bound = {port: hosts for port, hosts in published.items() if hosts}
        assert set(bound) == ports
        assert all(host["HostIp"] == "127.0.0.1" for hosts in bound.values() for host in hosts)


def test_containers_have_few_privileges(stack: Stack) -> None:
    for service in ("torchserve", "gateway", "prometheus"):
        container = stack.containers(service)[0]
        status = docker("exec", container, "cat", "/proc/1/status")
        fields = dict(line.split(":\t", 1) for line in status.splitlines() if ":\t" in line)
        assert fields["Uid"].split()[0] != "0", service
        assert int(fields["CapEff"], 16) == 0, service
        assert fields["NoNewPrivs"] == "1", service
        assert docker("inspect", "--format", "{{.HostConfig.ReadonlyRootfs}}", container) == "true", service
        assert int(docker("inspect", "--format", "{{.HostConfig.Memory}}", container)) > 0, service


def test_model_servers_have_no_route_out(stack: Stack) -> None:
    assert docker("network", "inspect", "--format", "{{.Internal}}", f"{stack.project}_serving") == "true"


def test_the_image_has_only_packages_for_serving(stack: Stack) -> None:
    server = stack.containers("torchserve")[0]
    installed = docker("exec", server, "ls", "/opt/venv/lib/python3.11/site-packages").split()
    for needed in ("torch", "torchvision", "ts", "onnxruntime", "openvino"):
        assert needed in installed
    for unwanted in ("transformers", "pip", "model_archiver", "onnx", "jupyter", "notebook", "pandas", "pytest"):
        assert unwanted not in installed
    assert docker("exec", server, "sh", "-c", "command -v gcc make pip git || true") == ""


def test_the_token_is_in_no_image_log_or_command_line(stack: Stack) -> None:
    token = stack.environment["MANAGEMENT_TOKEN"]
    for image in ("nginx:1.30", stack.environment["IMAGE"]):
        assert token not in docker("history", "--no-trunc", image)
        assert token not in docker("image", "inspect", image)
    assert token not in stack.compose("logs", "--no-color")
    for service in ("gateway", "torchserve"):
        assert token not in docker("top", stack.containers(service)[0], "-eo", "pid,args")


@pytest.fixture
def two_versions(stack: Stack, tmp_path: Path) -> Iterator[str]:
    """The served model's name, with version 2.0 registered beside 1.0."""
    model, server = stack.model(), stack.containers("torchserve")[0]
    docker("cp", f"{server}:/srv/models/{model}.mar", str(tmp_path / "first.mar"))
    second = as_version("2.0", tmp_path / "first.mar", tmp_path / f"{model}-2.mar")
    with second.open("rb") as archive:
        command = ["docker", "exec", "--interactive", server, "sh", "-c", f"cat > /srv/models/{second.name}"]
        subprocess.run(command, stdin=archive, check=True)
    registered = stack.manage("POST", "/models", url=second.name, synchronous="true")
    assert registered.ok, registered.text
    assert stack.manage("PUT", f"/models/{model}/2.0", min_worker=2, max_worker=2, synchronous="true").ok
    assert stack.manage("PUT", f"/models/{model}/2.0/set-default").ok
    yield model
    assert stack.manage("PUT", f"/models/{model}/1.0/set-default").ok
    removed = stack.manage("DELETE", f"/models/{model}/2.0")
    assert removed.ok, removed.text


def served(stack: Stack, model: str) -> dict[str, tuple[int, list[str]]]:
    """Return version -> configured number of workers, and their statuses."""
    return {version.version: (version.min_workers, version.statuses) for version in stack.versions(model)}


def test_a_restart_keeps_versions_default_and_workers(stack: Stack, two_versions: str, image: bytes) -> None:
    expected = {"1.0": (1, ["READY"]), "2.0": (2, ["READY", "READY"])}
    wait_for("all workers", lambda: served(stack, two_versions) == expected)

    def assert_kept(how: str) -> None:
        wait_for(f"a ready stack {how}", stack.ready, 240)
        assert served(stack, two_versions) == expected, how
        assert stack.management().version(two_versions).version == "2.0", how
        assert requests.post(f"{stack.url}/predictions/{two_versions}", data=image, timeout=60).ok, how

    docker("kill", "--signal", "KILL", stack.containers("torchserve")[0])
    stack.up()
    assert_kept("after a kill -9")
    stack.compose("down", "--timeout", "60")
    stack.up()
    assert_kept("after down and up: new containers, the same volumes")
