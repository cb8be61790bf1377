"""The containers, driven by docker compose, and their APIs."""

import json
import os
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import requests

from scripts.client.management import Management
from scripts.client.models import ModelVersion
from scripts.common.paths import PROJECT
from tests import prometheus
from tests.e2e import build
from tests.waiting import wait_for

TOKEN = "e2e-token-0123456789abcdef"


def free_port() -> int:
    """Return a free port on loopback."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def docker(*command: str) -> str:
    """Run a docker command and return its output."""
    result = subprocess.run(["docker", *command], capture_output=True, text=True, check=False, timeout=300)
    assert result.returncode == 0, f"docker {' '.join(command)}: {result.stderr}"
    return result.stdout.strip()


def request_log(container: str) -> list[dict[str, Any]]:
    """Return the log lines of requests of a container, which may have stopped."""
    return [json.loads(line) for line in docker("logs", container).splitlines() if line.startswith("{")]


@contextmanager
def paused(container: str) -> Iterator[None]:
    """Pause a container meanwhile.

    Now and then runc gives up ("unable to freeze"), while processes of the container start others.
    """

    def pause() -> bool:
        return subprocess.run(["docker", "pause", container], check=False, timeout=300).returncode == 0

    wait_for(f"a pause of {container}", pause, timeout=30)
    try:
        yield
    finally:
        docker("unpause", container)


@dataclass
class Stack:
    """A compose project with its own ports.

    Args:
        project: its name, the prefix of its containers, networks and volumes.
        directory: of docker-compose.yml.
        ports: the published ports by the variable that sets them.
        early: responses while the model was loading.
    """

    project: str
    directory: Path = PROJECT
    ports: dict[str, int] = field(default_factory=dict)
    early: dict[str, requests.Response] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.ports = {name: free_port() for name in ("GATEWAY_PORT", "MANAGEMENT_PORT", "PROMETHEUS_PORT")}
        self.environment = {
            **os.environ,
            **{name: str(port) for name, port in self.ports.items()},
            "COMPOSE_PROJECT_NAME": self.project,
            **build.SETTINGS,
            "IMAGE": build.image_of(self.project),
            "MANAGEMENT_TOKEN": TOKEN,
            "REQUESTS_PER_SECOND": "1000",
            "UPLOAD_SECONDS": "12",
            "GRPC": "on",
            "REPLICAS": "1",
        }
        self.url = f"http://127.0.0.1:{self.ports['GATEWAY_PORT']}"
        self.management_url = f"http://127.0.0.1:{self.ports['MANAGEMENT_PORT']}"
        self.prometheus_url = f"http://127.0.0.1:{self.ports['PROMETHEUS_PORT']}"

    def compose(self, *command: str, timeout: float = 1800.0) -> str:
        """Run docker compose on this project and return its output."""
        result = subprocess.run(
            ["bash", str(self.directory / "scripts" / "container" / "compose.sh"), *command],
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=timeout,
        )
        assert result.returncode == 0, f"compose {' '.join(command)}:\n{result.stdout[-3000:]}{result.stderr[-3000:]}"
        return result.stdout.strip()

    def containers(self, service: str) -> list[str]:
        """Return the ids of a service's running containers."""
        filters = [f"label=com.docker.compose.project={self.project}", f"label=com.docker.compose.service={service}"]
        return docker("ps", "--quiet", *(f"--filter={value}" for value in filters)).split()

    def address(self, container: str, network: str = "serving") -> str:
        """Return a container's IP address in one of the stack's networks, reachable from this machine."""
        networks = json.loads(docker("inspect", "--format", "{{json .NetworkSettings.Networks}}", container))
        address: str = networks.get(f"{self.project}_{network}", {}).get("IPAddress", "")  # none while disconnected
        return address

    def cpu_seconds(self, container: str) -> float:
        """Return the CPU time of a container, from its control group (version 1 or 2)."""
        first = "cat /sys/fs/cgroup/cpuacct/cpuacct.usage 2>/dev/null"
        second = "sed -n 's/usage_usec \\(.*\\)/\\1000/p' /sys/fs/cgroup/cpu.stat"
        return int(docker("exec", container, "sh", "-c", f"{first} || {second}")) / 1e9

    def ready(self) -> bool:
        """Say whether the gateway is ready."""
        try:
            return requests.get(f"{self.url}/readyz", timeout=15).ok
        except requests.ConnectionError:
            return False

    def up(self, replicas: int = 1) -> None:
        """Start the stack, or change its number of replicas, and wait until all of them are ready."""
        self.environment["REPLICAS"] = str(replicas)
        self.compose("up", "--detach")
        self.wait_ready(replicas)

    def update(self, image: str) -> subprocess.CompletedProcess[str]:
        """Replace the model servers by others of an image."""
        return subprocess.run(
            ["bash", "scripts/container/update.sh", "--no-build"],
            cwd=self.directory,
            env={**self.environment, "IMAGE": image},
            capture_output=True,
            text=True,
            check=False,
            timeout=900,
        )

    def wait_ready(self, replicas: int = 1) -> None:
        """Wait until so many model servers serve, and the gateway is ready."""
        wait_for("a ready stack", lambda: self.serving() == replicas and self.ready(), 240)
        # The gateway looks up each of its three upstreams for itself, every two seconds.
        wait_for("the management API", lambda: self.manage("GET", "/models").ok)

    def serving(self) -> int:
        """Return the number of model servers that serve."""
        return sum(_responds(f"http://{self.address(each)}:8083/accepting") for each in self.containers("torchserve"))

    def model(self) -> str:
        """Return the served model's name."""
        (model,) = self.management().models()
        return model.name

    def management(self) -> Management:
        """Return a client of the management API through the gateway."""
        return Management(self.management_url, TOKEN)

    def manage(self, method: str, path: str, token: str = TOKEN, **query: Any) -> requests.Response:
        """Send one request to the management API through the gateway."""
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        return requests.request(method, self.management_url + path, params=query, headers=headers, timeout=300)

    def versions(self, model: str) -> list[ModelVersion]:
        """Return all versions of a model."""
        return self.management().versions(model)

    def worker(self) -> int:
        """Return the process id of the served model's only worker."""
        (version,) = self.versions(self.model())
        (pid,) = version.pids
        return pid

    def log(self, service: str = "gateway") -> list[dict[str, Any]]:
        """Return the log lines of requests of the gateway, or of the first model server (`torchserve`)."""
        return request_log(self.containers(service)[0])

    def prometheus_is_ready(self) -> bool:
        try:
            return requests.get(f"{self.prometheus_url}/-/ready", timeout=10).ok
        except requests.ConnectionError:  # Docker's proxy listens before Prometheus does
            return False

    def query(self, expression: str) -> list[dict[str, Any]]:
        """Run a PromQL query."""
        return prometheus.query(self.prometheus_url, expression)

    @contextmanager
    def gateway(self, *options: str) -> Iterator[tuple[str, str]]:
        """Run a second gateway with other settings, and provide its name and its address.

        Args:
            options: of docker compose run, such as `-e REQUESTS_PER_SECOND=1`.
        """
        name = f"{self.project}-gateway-{free_port()}"
        self.compose("run", "--detach", "--no-deps", "--name", name, *options, "gateway")
        try:
            address = self.address(name)
            wait_for("a second gateway", lambda: _serves(address))
            yield name, address
        finally:
            docker("rm", "--force", name)


def _serves(address: str) -> bool:
    """Say whether a gateway responds."""
    try:
        requests.get(f"http://{address}:8080/healthz", timeout=10)
    except requests.RequestException:
        return False
    return True


def _responds(url: str) -> bool:
    try:
        return requests.get(url, timeout=5).ok
    except requests.RequestException:
        return False
