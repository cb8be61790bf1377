"""What every pod of every overlay must have."""

from typing import Any

import pytest
import yaml

from scripts.common.paths import CONFIG, PROJECT
from scripts.container import readiness
from scripts.server import torchserve
from tests.kubernetes.manifests import ALL, named, of_kind, pods, rendered

NAMES = pytest.mark.parametrize("name", ALL)


def containers(name: str) -> list[dict[str, Any]]:
    found = [container for _, _, pod in pods(rendered(name)) for container in pod["containers"]]
    assert found
    assert not any(pod.get("initContainers") for _, _, pod in pods(rendered(name)))
    return found


def setting(container: dict[str, Any], variable: str) -> str:
    (value,) = [entry["value"] for entry in container["env"] if entry["name"] == variable]
    return str(value)


@NAMES
def test_images_have_a_fixed_tag(name: str) -> None:
    for container in containers(name):
        _, _, tag = container["image"].rpartition("/")[2].partition(":")
        assert tag, container["image"]
        assert tag != "latest"


@NAMES
def test_pods_are_confined_as_in_compose(name: str) -> None:
    users = {"nginx": 101, "torchserve": 10001, "kserve-container": 10001}
    for _, _, pod in pods(rendered(name)):
        assert pod["automountServiceAccountToken"] is False
        assert pod["enableServiceLinks"] is False
        assert not pod.keys() & {"hostNetwork", "hostPID", "hostIPC"}
        for container in pod["containers"]:
            security = {**pod.get("securityContext", {}), **container["securityContext"]}
            assert security["runAsNonRoot"] is True
            assert security["runAsUser"] == users[container["name"]]
            assert security["readOnlyRootFilesystem"] is True
            assert security["allowPrivilegeEscalation"] is False
            assert security["capabilities"] == {"drop": ["ALL"]}
            assert security["seccompProfile"] == {"type": "RuntimeDefault"}
            assert "privileged" not in security


@NAMES
def test_containers_have_requests_and_limits(name: str) -> None:
    for container in containers(name):
        for resources in (container["resources"]["requests"], container["resources"]["limits"]):
            assert {"cpu", "memory", "ephemeral-storage"} <= set(resources)
    for _, _, pod in pods(rendered(name)):
        assert all("sizeLimit" in volume["emptyDir"] for volume in pod["volumes"] if "emptyDir" in volume)


@NAMES
def test_nothing_outlives_a_pod(name: str) -> None:
    for _, _, pod in pods(rendered(name)):
        assert all(set(volume) <= {"name", "emptyDir", "configMap"} for volume in pod["volumes"])


@NAMES
def test_containers_have_probes_at_their_own_ports(name: str) -> None:
    for container in containers(name):
        ports = {port["name"] for port in container["ports"]} | {8083}  # KServe allows a single port in the list
        for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
            assert container[probe]["httpGet"]["port"] in ports


@NAMES
def test_model_servers_are_ready_by_a_prediction_and_never_restarted_for_being_busy(name: str) -> None:
    servers = [container for container in containers(name) if container["name"] != "nginx"]
    retries = yaml.safe_load((CONFIG / "model-config.yaml").read_text())["maxRetryTimeoutInSec"]
    assert servers
    for server in servers:
        assert server["readinessProbe"]["httpGet"]["path"] == "/readyz"
        assert server["readinessProbe"]["timeoutSeconds"] > readiness.PREDICTION_TIMEOUT
        alive, started = server["livenessProbe"], server["startupProbe"]
        assert alive["httpGet"]["path"] == "/livez"
        assert alive["periodSeconds"] * alive["failureThreshold"] > retries
        assert started["periodSeconds"] * started["failureThreshold"] > torchserve.START_TIMEOUT


@NAMES
def test_the_grace_period_fits_what_a_stop_takes(name: str) -> None:
    drain = torchserve.DRAIN_TIMEOUT + torchserve.STOP_TIMEOUT
    nginx = (CONFIG / "nginx" / "nginx.conf.template").read_text()
    shutdown = float(nginx.split("worker_shutdown_timeout ")[1].split("s;")[0])
    for _, _, pod in pods(rendered(name)):
        (container,) = pod["containers"]
        sleep, seconds = container["lifecycle"]["preStop"]["exec"]["command"]
        assert sleep == "sleep"
        assert float(seconds) > 5 + 2  # how long CoreDNS and the gateway keep an address
        takes = shutdown if container["name"] == "nginx" else drain
        assert pod["terminationGracePeriodSeconds"] > float(seconds) + takes


def test_the_gateway_has_the_settings_and_keepalives_of_compose() -> None:
    compose = yaml.safe_load((PROJECT / "docker-compose.yml").read_text())["services"]["gateway"]
    gateway = named(rendered("base"), "Deployment", "gateway")["spec"]["template"]["spec"]
    (nginx,) = gateway["containers"]
    for variable in ("REQUESTS_PER_SECOND", "CONNECTIONS", "RESPONSE_SECONDS", "UPLOAD_SECONDS", "CORS_ORIGINS"):
        assert f"${{{variable}:-{setting(nginx, variable)}}}" == compose["environment"][variable]
    sysctls = {entry["name"]: int(entry["value"]) for entry in gateway["securityContext"]["sysctls"]}
    assert sysctls == compose["sysctls"]
    (files,) = [volume["emptyDir"] for volume in gateway["volumes"] if volume["name"] == "tmp"]
    assert files == {"medium": "Memory", "sizeLimit": compose["tmpfs"][0].partition("size=")[2].replace("m", "Mi")}
    assert nginx["resources"]["limits"]["memory"] == compose["mem_limit"].replace("m", "Mi")
    assert nginx["image"] == compose["image"]
    assert nginx["args"] == compose["command"]


@NAMES
def test_variables_are_set_before_they_are_used(name: str) -> None:
    """Kubernetes replaces $(NAME) only by a variable that stands above."""
    for container in containers(name):
        known: set[str] = set()
        for entry in container["env"]:
            used = {part.partition(")")[0] for part in entry.get("value", "").split("$(")[1:]}
            assert used <= known, entry
            known.add(entry["name"])


@NAMES
def test_updates_keep_the_capacity_unless_a_gpu_is_missing_for_it(name: str) -> None:
    for deployment in of_kind(rendered(name), "Deployment"):
        update = deployment["spec"]["strategy"]["rollingUpdate"]
        gpu = name == "gpu" and deployment["metadata"]["name"] == "torchserve"
        assert update == ({"maxSurge": 0, "maxUnavailable": 1} if gpu else {"maxSurge": 1, "maxUnavailable": 0})


def test_replicas_are_spread_and_evicted_one_by_one() -> None:
    for deployment in of_kind(rendered("base"), "Deployment"):
        pod = deployment["spec"]["template"]
        (budget,) = [
            budget["spec"]
            for budget in of_kind(rendered("base"), "PodDisruptionBudget")
            if budget["spec"]["selector"]["matchLabels"].items() <= pod["metadata"]["labels"].items()
        ]
        assert budget["maxUnavailable"] == 1
        assert deployment["spec"]["replicas"] == 2
        for spread in pod["spec"]["topologySpreadConstraints"]:
            assert spread["labelSelector"]["matchLabels"].items() <= pod["metadata"]["labels"].items()


@NAMES
def test_only_inference_is_open_to_everyone(name: str) -> None:
    """The model server's ports let the gateway in, and metrics the monitoring's namespace; KServe has no gateway."""
    gateway = {"podSelector": {"matchLabels": {"app.kubernetes.io/name": "gateway"}}}
    prometheus = {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "monitoring"}}}
    entrance = "torchserve" if name == "kserve" else "gateway"
    for policy in of_kind(rendered(name), "NetworkPolicy"):
        for rule in policy["spec"].get("ingress", []):
            if "from" in rule:
                assert rule["from"] == [prometheus if policy["metadata"]["name"] == "prometheus" else gateway]
            else:
                assert policy["spec"]["podSelector"]["matchLabels"] == {"app.kubernetes.io/name": entrance}
                assert rule["ports"] == [{"port": 8080}]


def test_the_namespace_enforces_the_restricted_standard() -> None:
    for name in ALL:
        namespace = named(rendered(name), "Namespace", "image-classifier")
        assert namespace["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"
        for resource in rendered(name):
            assert resource["kind"] == "Namespace" or resource["metadata"]["namespace"] == "image-classifier"


def test_kserve_runs_the_same_container_as_the_base() -> None:
    base, kserve = (next(iter(named_server(name))) for name in ("base", "kserve"))
    for key in ("image", "env", "resources", "lifecycle", "volumeMounts"):
        assert base[key] == kserve[key]
    for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
        here = {**base[probe], "httpGet": {**base[probe]["httpGet"], "port": 8083}}
        assert here == kserve[probe]
    pods_of = [
        next(pod for name, _, pod in pods(rendered(overlay)) if name != "gateway") for overlay in ("base", "kserve")
    ]
    for key in ("volumes", "terminationGracePeriodSeconds"):
        assert pods_of[0][key] == pods_of[1][key]


def named_server(name: str) -> list[dict[str, Any]]:
    return [container for container in containers(name) if container["name"] != "nginx"]
