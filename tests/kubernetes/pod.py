"""Pods of the rendered Deployments, run by podman.

`podman kube play` reads the manifest itself: users, read-only roots, limits, volumes. What it has no means for is done
here as the kubelet does it: probes, the hook before a stop, the grace period, a restart of a container.
"""

import json
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any

import requests
import yaml

from scripts.common.paths import BUILD
from tests.kubernetes import podman
from tests.kubernetes.manifests import Resource
from tests.waiting import wait_for

PROBES = ("startupProbe", "readinessProbe", "livenessProbe")


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
    network: str = podman.INTERNAL
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
        spec.update(dnsPolicy="None", dnsConfig={"nameservers": [podman.gateway_of(self.network)]})
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
        podman.run("kube", "play", "--network", self.network, "-", stdin=self.manifest)
        podman.keep_bridge_address(self.network)

    @property
    def address(self) -> str:
        """The pod's IP address."""
        infra = podman.run("pod", "inspect", "--format", "{{.InfraContainerID}}", self.name)
        networks = json.loads(podman.run("inspect", "--format", "{{json .NetworkSettings.Networks}}", infra))
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
        return podman.run("exec", self._running, *command)

    def before_stop(self) -> None:
        """Run the hook that comes before SIGTERM."""
        self.execute(*self.container["lifecycle"]["preStop"]["exec"]["command"])

    def terminate(self, grace: float) -> tuple[int, float]:
        """Send SIGTERM, and SIGKILL after the grace period.

        Returns:
            The exit status, and how many seconds the container took.
        """
        start = time.monotonic()
        podman.run("stop", "--time", str(int(grace)), self._running, timeout=grace + 60)
        took = time.monotonic() - start
        return int(podman.run("inspect", "--format", "{{.State.ExitCode}}", self._running)), took

    def kill(self) -> None:
        """Kill the container's first process."""
        podman.run("kill", "--signal", "KILL", self._running)
        podman.run("wait", self._running)

    def start_again(self) -> None:
        """Start the container again in the same pod, which podman stops with its only container."""
        podman.run("pod", "stop", self.name)
        podman.run("pod", "start", self.name)

    def remove(self) -> None:
        """Remove the pod and its volumes at once."""
        podman.attempt("kube", "down", "-", stdin=self.manifest)
        for one in self.config_maps:  # podman leaves their volumes
            podman.attempt("volume", "rm", "--force", one["metadata"]["name"])

    def log(self) -> str:
        """Return the container's output."""
        result = podman.attempt("logs", self._running)
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
