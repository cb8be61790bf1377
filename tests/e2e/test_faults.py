"""Faults of the containers under load: clients see what docs/reliability.md says, and the stack recovers."""

import contextlib
import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable
from io import BytesIO

import pytest
import requests
from PIL import Image

from tests.e2e.stack import Stack, docker
from tests.load import Load
from tests.waiting import wait_for

pytestmark = pytest.mark.faults
PROBLEMS = {"500", "502", "503", "504"}
CLIENT_TIMEOUT = 10.0  # s; in nginx.conf, for a client's headers


@pytest.fixture(autouse=True)
def ready(stack: Stack) -> None:
    """Wait until the stack has recovered from the test before."""
    stack.wait_ready()


def under_load(stack: Stack, image: bytes, fault: Callable[[str], None]) -> Load:
    """Cause a fault in the only model server under load, and wait until the stack has recovered."""
    (server,) = stack.containers("torchserve")
    # Enough clients to fill a batch: TorchServe loses a batch that waits if the worker dies (docs/operations.md).
    with Load(f"{stack.url}/predictions/{stack.model()}", image, clients=16) as load:
        load.wait_for(20)
        load.begin_fault()
        fault(server)
        wait_for("a refusal", lambda: load.counts().total() > load.counts()["200"])
        load.wait_for(load.counts()["200"] + 50)
    wait_for("a ready stack", stack.ready)
    assert set(load.counts()) <= {"200", *PROBLEMS}, load.counts()
    return load


def test_worker_killed(stack: Stack, image: bytes) -> None:
    before = stack.worker()
    load = under_load(stack, image, lambda server: kill(server, str(before)))
    load.record("containers: worker killed (-9)")
    assert stack.worker() != before
    assert load.counts().total() - load.counts()["200"] <= 8  # its batch; the others waited in the queue


def test_server_process_killed(stack: Stack, image: bytes) -> None:
    load = under_load(stack, image, lambda server: kill(server, "$(pgrep -x java)"))
    load.record("containers: TorchServe's own process killed (-9)")


def kill(server: str, process: str) -> None:
    docker("exec", server, "sh", "-c", f"kill -KILL {process}")


def test_memory_limit_reached(stack: Stack, image: bytes) -> None:
    buffer = BytesIO()
    Image.new("RGB", (8000, 8000)).save(buffer, "PNG")
    url, (server,) = f"{stack.url}/predictions/{stack.model()}", stack.containers("torchserve")
    limit = docker("inspect", "--format", "{{.HostConfig.Memory}}", server)

    def allow(size: str) -> None:
        docker("update", "--memory", size, "--memory-swap", size, server)

    def starve(_: str) -> None:
        usage = "memory/memory.usage_in_bytes 2>/dev/null || cat /sys/fs/cgroup/memory.current"  # version 1 or 2
        used = int(docker("exec", server, "sh", "-c", f"cat /sys/fs/cgroup/{usage}"))
        allow(str(used + 100_000_000))
        with Load(url, buffer.getvalue(), clients=4, total=4) as large:
            large.wait()
        allow(limit)

    try:
        load = under_load(stack, image, starve)
    finally:
        allow(limit)
    load.record("containers: memory limit met, the kernel kills")


def test_disk_full(stack: Stack, image: bytes) -> None:
    """Logs and unpacked archives share a disk: served models keep working, new ones need space."""
    model, (server,) = stack.model(), stack.containers("torchserve")
    archive = stack.versions(model)[0].archive

    def register() -> requests.Response:
        return stack.manage("POST", "/models", url=archive, model_name="another", synchronous="true")

    with Load(f"{stack.url}/predictions/{model}", image) as load:
        load.wait_for(20)
        load.begin_fault()
        docker("exec", server, "sh", "-c", "! dd if=/dev/zero of=/tmp/filling bs=1M 2>/dev/null")
        refused = register()
        load.wait_for(load.counts()["200"] + 50)
        docker("exec", server, "rm", "/tmp/filling")
        load.wait_for(load.counts()["200"] + 20)
    load.record("containers: disk of logs and unpacked archives full")
    assert set(load.counts()) == {"200"}, load.counts()
    assert not refused.ok
    try:
        assert register().ok
    finally:
        stack.manage("DELETE", "/models/another")


def test_model_store_full_at_the_start(stack: Stack) -> None:
    command = ["docker", "run", "--rm", "--tmpfs", "/srv/models:size=1m,uid=10001", stack.environment["IMAGE"]]
    result = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert result.returncode == 1
    assert result.stderr.startswith("error: No space left on device"), result.stderr
    assert "free some space" in result.stderr


def test_slow_clients_do_not_affect_others(stack: Stack, image: bytes) -> None:
    """Some send their headers a byte at a time, some stop in the middle of the body, some send it a byte at a time."""
    model, address = stack.model(), stack.address(stack.containers("gateway")[0], "outside")
    head = f"POST /predictions/{model} HTTP/1.1\r\nHost: here\r\nContent-Length: {len(image)}\r\n\r\n".encode()
    clients = [socket.create_connection((address, 8080)) for _ in range(100)]
    with Load(f"{stack.url}/predictions/{model}", image) as load:
        load.wait_for(20)
        load.begin_fault()
        slow, dripping = clients[:40], clients[80:]
        for client in clients:
            client.sendall(head[:20] if client in slow else head + image[:1000])
        for position in range(20, 20 + int(CLIENT_TIMEOUT * 1.5)):
            for client in slow if position < len(head) - 4 else []:
                with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # after client_header_timeout
                    client.sendall(head[position : position + 1])
            for client in dripping:
                with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # after UPLOAD_SECONDS
                    client.sendall(image[position : position + 1])
            time.sleep(1)
        for client in clients:
            client.settimeout(3 * CLIENT_TIMEOUT)
            assert client in slow or client.recv(65536).startswith(b"HTTP/1.1 408 ")
            assert closes(client)
        for client in clients:
            client.close()
        load.wait_for(load.counts()["200"] + 20)
    load.record("containers: 100 clients that send a byte at a time, or stop in the middle")
    assert set(load.counts()) == {"200"}, load.counts()


def closes(client: socket.socket) -> bool:
    """Say whether the server ends a connection without a response."""
    try:
        return client.recv(65536) == b""
    except ConnectionResetError:
        return True


def test_engine_stopped(stack: Stack, image: bytes, docker_engine: int | None) -> None:
    """While the engine is stopped for 20 s, nothing reads the containers' logs, and names are not looked up."""
    if docker_engine is None:
        pytest.skip("needs an engine that these tests have started, or DOCKERD_PID")
    gateway = stack.address(stack.containers("gateway")[0], "outside")
    with Load(f"http://{gateway}:8080/predictions/{stack.model()}", image, clients=16) as load:
        load.wait_for(20)
        load.begin_fault()
        os.kill(docker_engine, signal.SIGSTOP)
        try:
            end = time.monotonic() + 20
            while time.monotonic() < end:
                requests.get(f"http://{gateway}:8080/healthz", headers={"User-Agent": "x" * 4000}, timeout=10)
        finally:
            os.kill(docker_engine, signal.SIGCONT)
        load.wait_for(load.counts()["200"] + 20)
    load.record("containers: Docker engine stopped for 20 s")
    assert set(load.counts()) == {"200"}, load.counts()
    assert load.longest_gap() < 5


def test_gateway_restarted(stack: Stack, image: bytes) -> None:
    (gateway,) = stack.containers("gateway")
    address = stack.address(gateway, "outside")
    # Connect to the gateway's container: Docker's proxy accepts connections even while the container is down.
    with Load(f"http://{address}:8080/predictions/{stack.model()}", image, keep_alive=False) as load:
        load.wait_for(20)
        load.begin_fault()
        docker("restart", "--time", "90", gateway)
        assert stack.address(gateway, "outside") == address
        load.wait_for(load.counts()["200"] + 20)
    load.refuse_untaken(line["request_id"] for line in stack.log() + stack.log("torchserve"))
    load.record("containers: gateway restarted")
    assert set(load.counts()) <= {"200", "503", "refused"}, load.counts()
    wait_for("a ready stack", stack.ready)
