"""What goes wrong in the containers under load: the clients see what docs/reliability.md says, and it mends itself."""

import socket
import subprocess
import threading
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
SLOW = 10.0  # s that nginx.conf gives a client for its headers, and between two pieces of its photo


@pytest.fixture(autouse=True)
def ready(stack: Stack) -> None:
    """Let each test begin with what the one before it has left behind mended."""
    wait_for("a ready stack", lambda: stack.replicas() == 1 and stack.ready(), 240)


def under_load(stack: Stack, photo: bytes, fault: Callable[[str], None]) -> Load:
    """Send a fault to the only model server under load, and wait until the stack has mended itself."""
    (server,) = stack.containers("torchserve")
    # So many that a batch is full at once: TorchServe forgets a waiting one if the worker dies (docs/operations.md).
    with Load(f"{stack.url}/predictions/{stack.model()}", photo, clients=16) as load:
        load.wait_for(20)
        load.begin_fault()
        fault(server)
        wait_for("a refusal", lambda: load.counts().total() > load.counts()["200"])
        load.wait_for(load.counts()["200"] + 50)
    wait_for("a ready stack", stack.ready)
    assert set(load.counts()) <= {"200", *PROBLEMS}, load.counts()
    return load


def test_a_worker_that_is_killed(stack: Stack, photo: bytes) -> None:
    before = stack.worker()
    load = under_load(stack, photo, lambda server: kill(server, str(before)))
    load.record("containers: worker killed (-9)")
    assert stack.worker() != before
    assert load.counts().total() - load.counts()["200"] <= 8  # those that it held; the others waited


def test_the_server_process_is_killed_and_its_container_starts_again(stack: Stack, photo: bytes) -> None:
    load = under_load(stack, photo, lambda server: kill(server, "$(pgrep -x java)"))
    load.record("containers: TorchServe's own process killed (-9)")


def kill(server: str, process: str) -> None:
    docker("exec", server, "sh", "-c", f"kill -KILL {process}")


def test_the_kernel_kills_what_takes_too_much_memory(stack: Stack, photo: bytes) -> None:
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
        large = [threading.Thread(target=requests.post, args=(url, buffer.getvalue())) for _ in range(4)]
        for thread in large:
            thread.start()
        for thread in large:
            thread.join()
        allow(limit)

    try:
        load = under_load(stack, photo, starve)
    finally:
        allow(limit)
    load.record("containers: memory limit met, the kernel kills")


def test_a_full_disk(stack: Stack, photo: bytes) -> None:
    """Logs and unpacked archives share one disk: what is served is served on, what is new is refused until it fits."""
    model, (server,) = stack.model(), stack.containers("torchserve")
    archive = stack.versions(model)[0].archive

    def register() -> requests.Response:
        return stack.manage("POST", "/models", url=archive, model_name="another", synchronous="true")

    with Load(f"{stack.url}/predictions/{model}", photo) as load:
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


def test_a_full_model_folder_is_one_sentence(stack: Stack) -> None:
    command = ["docker", "run", "--rm", "--tmpfs", "/srv/models:size=1m,uid=10001", stack.environment["IMAGE"]]
    result = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert result.returncode == 1
    assert result.stderr.startswith("error: No space left on device"), result.stderr
    assert "free some space" in result.stderr


def test_slow_clients_hold_nobody_up(stack: Stack, photo: bytes) -> None:
    """Fifty send their headers a byte at a time, fifty stop in the middle of their photo."""
    model, address = stack.model(), stack.address(stack.containers("gateway")[0], "outside")
    head = f"POST /predictions/{model} HTTP/1.1\r\nHost: here\r\nContent-Length: {len(photo)}\r\n\r\n".encode()
    clients = [socket.create_connection((address, 8080)) for _ in range(100)]
    with Load(f"{stack.url}/predictions/{model}", photo) as load:
        load.wait_for(20)
        load.begin_fault()
        for index, client in enumerate(clients):
            client.sendall(head[:20] if index % 2 else head + photo[:1000])
        end = time.monotonic() + SLOW / 2
        for position in range(20, len(head) - 4):
            for client in clients[1::2]:
                client.sendall(head[position : position + 1])
            if time.monotonic() > end:
                break
            time.sleep(0.2)
        for client in clients:
            client.settimeout(3 * SLOW)
            answer = client.recv(65536)  # it ends by itself
            assert answer == b"" or answer.startswith(b"HTTP/1.1 408"), answer
            client.close()
        load.wait_for(load.counts()["200"] + 20)
    load.record("containers: 100 clients that send a byte at a time, or stop in the middle")
    assert set(load.counts()) == {"200"}, load.counts()


def test_the_gateway_is_started_again(stack: Stack, photo: bytes) -> None:
    (gateway,) = stack.containers("gateway")
    address = stack.address(gateway, "outside")
    # Straight to the gateway's container: the engine's own proxy accepts connections for one that has gone.
    with Load(f"http://{address}:8080/predictions/{stack.model()}", photo, keep_alive=False) as load:
        load.wait_for(20)
        load.begin_fault()
        docker("restart", "--time", "90", gateway)
        assert stack.address(gateway, "outside") == address
        load.wait_for(load.counts()["200"] + 20)
    load.refuse_untaken(one["request_id"] for one in stack.log())
    load.record("containers: gateway restarted")
    assert set(load.counts()) <= {"200", "503", "refused"}, load.counts()
    wait_for("a ready stack", stack.ready)
