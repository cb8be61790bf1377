"""Pods of the rendered Deployments, run by podman.

`podman kube play` reads the manifest itself: users, read-only roots, limits, volumes. What it has no means for is done
here as the kubelet does it: probes, the hook before a stop, the grace period, a restart of a container.
"""

import json
import os
import shutil
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import requests
import yaml

from scripts.common.paths import BUILD
from tests.kubernetes.manifests import Resource
from tests.waiting import wait_for

# A pod in the internal one has no way out, as under the NetworkPolicy. Beside a Docker engine, whose firewall drops
# what it does not know, pods there do not reach each other either.
INTERNAL, OPEN = "classifier-internal", "classifier-open"
LIMIT = 4096  # open files and processes: podman would ask for more than some machines allow
PROBES = ("startupProbe", "readinessProbe", "livenessProbe")


class NoPodmanError(Exception):
    """Pods cannot be run here."""


def require() -> None:
    """Check that podman can run pods.

    Raises:
        NoPodmanError: it cannot.
    """
    if missing := [program for program in ("podman", "catatonit", "ip") if not _installed(program)]:
        raise NoPodmanError(
            f"{missing[0]} is not installed (Debian: apt-get install podman catatonit netavark iproute2)"
        )
    if os.geteuid() != 0:
        raise NoPodmanError("only root can give pods addresses that the tests reach")


def _installed(program: str) -> bool:
    return bool(shutil.which(program) or shutil.which(program, path="/usr/libexec/podman:/usr/lib/podman"))


def podman(*command: str, stdin: str | None = None, timeout: float = 300.0) -> str:
    """Run a podman command and return its output."""
    result = _podman(*command, stdin=stdin, timeout=timeout)
    assert result.returncode == 0, f"podman {' '.join(command)}: {result.stderr}"
    return result.stdout.strip()


def _podman(*command: str, stdin: str | None = None, timeout: float = 300.0) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["podman", *command],
        input=stdin,
        capture_output=True,
        text=True,
        check=False,
        timeout=timeout,
        env={**os.environ, "CONTAINERS_CONF": str(_settings())},
    )


def _settings() -> Path:
    """Write podman's settings for this machine: an installed runtime, and limits that each machine allows."""
    runtime = "runc" if shutil.which("runc") else "crun"
    limits = [f"{name}={LIMIT}:{LIMIT}" for name in ("nofile", "nproc")]
    path = BUILD / "containers.conf"
    path.parent.mkdir(exist_ok=True)
    path.write_text(f'[engine]\nruntime = "{runtime}"\n[containers]\ndefault_ulimits = {json.dumps(limits)}\n')
    return path


def load_from_docker(image: str) -> str:
    """Copy an image from the Docker engine, unless podman has it, and return its name in podman's store."""
    name = f"localhost/{image}"
    command = ["docker", "image", "inspect", "--format", "{{.Id}}", image]
    wanted = subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    found = _podman("image", "inspect", "--format", "{{.Id}}", name).stdout.strip()
    if found != wanted.removeprefix("sha256:"):
        podman("pull", "--quiet", f"docker-daemon:{image}", timeout=1200)
        podman("tag", wanted.removeprefix("sha256:"), name)
        if found:
            podman("rmi", "--force", found)  # the one before, of several GB
    return name


@contextmanager
def networks() -> Iterator[None]:
    """Provide the pods' networks."""
    _podman("network", "rm", "--force", INTERNAL, OPEN)  # of an interrupted run
    podman("network", "create", "--internal", INTERNAL)
    podman("network", "create", "--disable-dns", OPEN)
    try:
        yield
    finally:
        podman("network", "rm", "--force", INTERNAL, OPEN)


def gateway_of(network: str) -> str:
    """Return the address that this machine has in a network."""
    return podman("network", "inspect", "--format", "{{(index .Subnets 0).Gateway}}", network)


def _keep_bridge_address(network: str) -> None:
    """Give a network's bridge the address that it has, for good.

    Otherwise it takes that of one of its pods, and once that pod is gone, the others send this machine nothing until
    they ask for the new address, up to two minutes later.
    """
    bridge = podman("network", "inspect", "--format", "{{.NetworkInterface}}", network)
    address = Path("/sys/class/net", bridge, "address").read_text().strip()
    subprocess.run(["ip", "link", "set", "dev", bridge, "address", address], check=True)


@dataclass
class Pod:
    """One Pod of a Deployment.

    Args:
        deployment: the rendered Deployment.
        image: what runs instead of the image in it.
        name: of the pod.
        network: INTERNAL or OPEN.
        config_maps: what its volumes mount.
    """

    deployment: Resource
    image: str
    name: str
    network: str = INTERNAL
    config_maps: Sequence[Resource] = ()
    manifest: str = field(init=False)

    def __post_init__(self) -> None:
        """Prepare what podman reads."""
        self.spec: Mapping[str, Any] = self.deployment["spec"]["template"]["spec"]
        (self.container,) = self.spec["containers"]
        self._running = f"{self.name}-{self.container['name']}"
        spec = deepcopy(dict(self.spec)) | {"restartPolicy": "Never"}  # the tests restart containers
        (container,) = spec["containers"]
        container.update(image=self.image, imagePullPolicy="Never")
        del container["ports"]  # podman 4.3 would publish them on this machine
        for probe in PROBES:
            del container[probe]  # podman would need systemd's timers, and curl in the image
        self._mount_files(spec, container)
        for volume in (*spec["volumes"], *container["volumeMounts"]):
            volume["name"] = f"{self.name}-{volume['name']}"  # podman shares volumes of one name between pods
        namespace = self.deployment["metadata"]["namespace"]
        for variable in container["env"]:  # podman knows no namespaces, and no $(NAMESPACE)
            value = namespace if variable.pop("valueFrom", None) else variable["value"]
            variable["value"] = value.replace("$(NAMESPACE)", namespace)
        # Not this machine's name servers, which know no Service.
        spec.update(dnsPolicy="None", dnsConfig={"nameservers": [gateway_of(self.network)]})
        pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": self.name}, "spec": spec}
        self.manifest = yaml.safe_dump_all([*self.config_maps, pod])

    def _mount_files(self, spec: dict[str, Any], container: dict[str, Any]) -> None:
        """Mount single files of ConfigMaps from this machine: podman 4.3 ignores subPath."""
        data = {one["metadata"]["name"]: one["data"] for one in self.config_maps}
        volumes = {volume["name"]: volume for volume in spec["volumes"]}
        for mount in container["volumeMounts"]:
            if file := mount.pop("subPath", None):
                source = volumes[mount["name"]]["configMap"]
                path = BUILD / "pods" / self.name / file
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(data[source["name"]][file], encoding="utf-8")
                path.chmod(source.get("defaultMode", 0o644))
                mount["name"] = file.lower().replace(".", "-")
                spec["volumes"].append({"name": mount["name"], "hostPath": {"path": str(path), "type": "File"}})

    def start(self) -> None:
        """Start the pod, without waiting until it is ready."""
        podman("kube", "play", "--network", self.network, "-", stdin=self.manifest)
        _keep_bridge_address(self.network)

    @property
    def address(self) -> str:
        """The pod's IP address."""
        infra = podman("pod", "inspect", "--format", "{{.InfraContainerID}}", self.name)
        networks = json.loads(podman("inspect", "--format", "{{json .NetworkSettings.Networks}}", infra))
        return str(networks[self.network]["IPAddress"])

    def probe(self, name: str) -> bool:
        """Run a probe of the manifest once, as the kubelet does."""
        probe = self.container[name]
        numbers = {port["name"]: port["containerPort"] for port in self.container["ports"]}
        get = probe["httpGet"]
        try:
            url = f"http://{self.address}:{numbers[get['port']]}{get['path']}"
            return requests.get(url, timeout=probe["timeoutSeconds"]).ok
        except requests.RequestException:
            return False

    def wait_ready(self) -> None:
        """Wait as long as the startup probe allows, and for the readiness probe."""
        startup = self.container["startupProbe"]
        limit = startup["periodSeconds"] * startup["failureThreshold"]
        wait_for("the startup probe", lambda: self.probe("startupProbe"), limit)
        wait_for("the readiness probe", lambda: self.probe("readinessProbe"), 60)

    def execute(self, *command: str) -> str:
        """Run a command in the container, and return its output."""
        return podman("exec", self._running, *command)

    def before_stop(self) -> None:
        """Run the hook that comes before SIGTERM."""
        self.execute(*self.container["lifecycle"]["preStop"]["exec"]["command"])

    def terminate(self, grace: float) -> tuple[int, float]:
        """Send SIGTERM, and SIGKILL after the grace period.

        Returns:
            The exit status, and how many seconds the container took.
        """
        start = time.monotonic()
        podman("stop", "--time", str(int(grace)), self._running, timeout=grace + 60)
        took = time.monotonic() - start
        return int(podman("inspect", "--format", "{{.State.ExitCode}}", self._running)), took

    def kill(self) -> None:
        """Kill the container's first process."""
        podman("kill", "--signal", "KILL", self._running)
        podman("wait", self._running)

    def start_again(self) -> None:
        """Start the container again in the same pod, which podman stops with its only container."""
        podman("pod", "stop", self.name)
        podman("pod", "start", self.name)

    def remove(self) -> None:
        """Remove the pod and its volumes at once."""
        _podman("kube", "down", "-", stdin=self.manifest)
        for one in self.config_maps:  # podman leaves their volumes
            _podman("volume", "rm", "--force", one["metadata"]["name"])

    def log(self) -> str:
        """Return the container's output."""
        result = _podman("logs", self._running)
        return result.stdout + result.stderr


@contextmanager
def running(pod: Pod) -> Iterator[Pod]:
    """Start a pod, and remove it at the end."""
    pod.remove()  # of an interrupted run
    pod.start()
    try:
        yield pod
    finally:
        print(pod.log())  # pytest shows it if the test failed
        pod.remove()
