"""The parts of each overlay find each other, and nothing else finds them."""

import re
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import yaml

from scripts.client.management import Management
from scripts.common.paths import CONFIG, PROJECT
from scripts.container.queue_metrics import exposition
from scripts.container.readiness import Readiness
from scripts.docs.kubernetes import ACTIONS
from tests.kubernetes.manifests import ALL, Resource, combined, named, of_kind, pods, rendered

NAMES = pytest.mark.parametrize("name", ALL)
MANAGEMENT, GRPC = 8081, 8084


def selected(resources: tuple[Resource, ...], labels: dict[str, str]) -> list[dict[str, Any]]:
    """Return the pods that a selector matches."""
    return [dict(pod) for _, own, pod in pods(resources) if labels.items() <= own.items()]


def ports(pod: dict[str, Any]) -> dict[str, int]:
    return {port["name"]: port["containerPort"] for container in pod["containers"] for port in container["ports"]}


@NAMES
def test_a_service_leads_to_the_inference_port_of_one_deployment(name: str) -> None:
    for service in of_kind(rendered(name), "Service"):
        (pod,) = selected(rendered(name), service["spec"]["selector"])
        found = {port["name"]: ports(pod)[port["targetPort"]] for port in service["spec"]["ports"]}
        # nginx speaks gRPC at the same port as HTTP.
        grpc = {"grpc": 8080 if "gateway" in service["metadata"]["name"] else GRPC}
        assert found == {"http": 8080} | (grpc if name == "grpc" else {})


@NAMES
def test_a_deployment_selects_its_own_pods_only(name: str) -> None:
    for deployment in of_kind(rendered(name), "Deployment"):
        (pod,) = selected(rendered(name), deployment["spec"]["selector"]["matchLabels"])
        assert pod == deployment["spec"]["template"]["spec"]


@NAMES
def test_the_gateway_resolves_a_headless_service_of_its_own_track(name: str) -> None:
    for deployment in of_kind(rendered(name), "Deployment"):
        (container,) = deployment["spec"]["template"]["spec"]["containers"]
        settings = {entry["name"]: entry.get("value") for entry in container["env"]}
        if "BACKEND" in settings:
            backend, domain = str(settings["BACKEND"]).split(".", 1)
            assert domain == "$(NAMESPACE).svc.cluster.local"
            service = named(rendered(name), "Service", backend)
            assert service["spec"]["clusterIP"] == "None"
            assert service["spec"]["selector"]["track"] == deployment["metadata"]["labels"]["track"]


@NAMES
def test_management_is_reachable_from_the_pod_alone(name: str) -> None:
    for _, _, pod in pods(rendered(name)):
        for container in pod["containers"]:
            assert MANAGEMENT not in ports(dict(pod)).values()
            if container["name"] != "nginx":
                assert {"name": "MANAGEMENT_ADDRESS", "value": "127.0.0.1"} in container["env"]
    for policy in of_kind(rendered(name), "NetworkPolicy"):
        for rule in policy["spec"].get("ingress", []):
            assert rule["ports"], "a rule without ports opens all of them"
            assert MANAGEMENT not in [port["port"] for port in rule["ports"]]


@NAMES
def test_the_only_way_out_is_dns(name: str) -> None:
    """Each pod has a policy for both directions; the rules for egress lead to the project's pods, or to port 53."""
    policies = [policy["spec"] for policy in of_kind(rendered(name), "NetworkPolicy")]
    for _, labels, _ in pods(rendered(name)):
        own = [policy for policy in policies if policy["podSelector"]["matchLabels"].items() <= labels.items()]
        assert {"Ingress", "Egress"} <= {kind for policy in own for kind in policy["policyTypes"]}
        for rule in (rule for policy in own for rule in policy.get("egress", [])):
            inside = [peer["podSelector"]["matchLabels"] for peer in rule["to"] if set(peer) == {"podSelector"}]
            if len(inside) == len(rule["to"]):
                assert all(selected(rendered(name), labels) for labels in inside)
            else:
                assert {port["port"] for port in rule["ports"]} == {53}
        if labels["app.kubernetes.io/name"] == "torchserve":
            assert not any(policy.get("egress") for policy in own)


def test_traces_leave_to_the_collector_alone(tmp_path: Path) -> None:
    """Without the component, no policy lets a model server out."""
    resources = combined(tmp_path, "tracing")
    ((_, labels, pod),) = (one for one in pods(resources) if one[1]["app.kubernetes.io/name"] == "torchserve")
    environment = {entry["name"]: entry["value"] for entry in pod["containers"][0]["env"]}
    collector = urlsplit(environment["OTEL_EXPORTER_OTLP_ENDPOINT"])
    _, _, namespace = str(collector.hostname).partition(".")
    policies = [policy["spec"] for policy in of_kind(resources, "NetworkPolicy")]
    own = [policy for policy in policies if policy["podSelector"]["matchLabels"].items() <= labels.items()]
    traces, dns = (rule for policy in own for rule in policy.get("egress", []))
    assert traces["to"] == [{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": namespace}}}]
    assert [port["port"] for port in traces["ports"]] == [collector.port]
    gateway = named(resources, "NetworkPolicy", "gateway")["spec"]["egress"]
    assert dns == gateway[-1]


@NAMES
def test_grpc_is_on_everywhere_or_nowhere(name: str) -> None:
    """Where it is on, it is at the port of nginx's upstream, and let through from the gateway alone."""
    on = name == "grpc"
    for _, labels, pod in pods(rendered(name)):
        (container,) = pod["containers"]
        assert ({"name": "GRPC", "value": "on"} in container["env"]) == on
        if labels["app.kubernetes.io/name"] == "torchserve":
            assert (ports(dict(pod)).get("grpc") == GRPC) == on
    assert f"server ${{BACKEND}}:{GRPC} resolve" in (CONFIG / "nginx" / "nginx.conf.template").read_text()
    rules = {
        (policy["metadata"]["name"], direction): rule
        for policy in of_kind(rendered(name), "NetworkPolicy")
        for direction in ("ingress", "egress")
        for rule in policy["spec"].get(direction, [])
        if {"port": GRPC} in rule["ports"]
    }
    assert set(rules) == ({("torchserve", "ingress"), ("gateway", "egress")} if on else set())
    for rule in rules.values():
        (peer,) = rule["from"] if "from" in rule else rule["to"]
        assert set(peer) == {"podSelector"}


@NAMES
def test_every_selector_matches_a_pod(name: str) -> None:
    for resource in of_kind(rendered(name), "NetworkPolicy", "PodDisruptionBudget", "PodMonitor"):
        selector = resource["spec"].get("selector") or resource["spec"]["podSelector"]
        found = selected(rendered(name), selector["matchLabels"])
        assert found, resource["metadata"]["name"]
        for endpoint in resource["spec"].get("podMetricsEndpoints", []):
            assert all(endpoint["port"] in ports(pod) for pod in found)


@NAMES
def test_config_maps_hold_what_is_mounted(name: str) -> None:
    for _, _, pod in pods(rendered(name)):
        maps = {
            volume["name"]: named(rendered(name), "ConfigMap", volume["configMap"]["name"])["data"]
            for volume in pod["volumes"]
            if "configMap" in volume
        }
        for container in pod["containers"]:
            for mount in container["volumeMounts"]:
                if mount["name"] in maps and "subPath" in mount:
                    assert mount["subPath"] in maps[mount["name"]], mount


def test_the_gateway_gets_the_files_that_compose_mounts() -> None:
    (data,) = [one["data"] for one in of_kind(rendered("base"), "ConfigMap") if "nginx.conf.template" in one["data"]]
    files = [path for path in (CONFIG / "nginx").iterdir() if path.is_file() and path.name != "kustomization.yaml"]
    assert data == {path.name: path.read_text() for path in files}


@NAMES
def test_the_gateway_knows_how_many_model_servers_should_run(name: str) -> None:
    """An alert compares the number with those that serve: without an autoscaler all, with one its minimum."""
    resources = rendered(name)
    for gateway in (one for one in of_kind(resources, "Deployment") if one["metadata"]["name"].startswith("gateway")):
        (container,) = gateway["spec"]["template"]["spec"]["containers"]
        settings = {entry["name"]: entry.get("value", "") for entry in container["env"]}
        server = named(resources, "Deployment", settings["BACKEND"].partition(".")[0])["spec"]
        scalers = of_kind(resources, "HorizontalPodAutoscaler", "ScaledObject")
        minimum = [one["spec"].get("minReplicas", one["spec"].get("minReplicaCount")) for one in scalers]
        assert [int(settings["REPLICAS"])] == (minimum or [server["replicas"]])


@pytest.mark.parametrize("name", ["hpa", "keda"])
def test_the_autoscaler_owns_the_number_of_replicas(name: str) -> None:
    (scaler,) = of_kind(rendered(name), "HorizontalPodAutoscaler", "ScaledObject")
    target = scaler["spec"]["scaleTargetRef"]
    assert "replicas" not in named(rendered(name), target["kind"], target["name"])["spec"]


def test_keda_reads_a_metric_that_is_scraped() -> None:
    (scaler,) = of_kind(rendered("keda"), "ScaledObject")
    (trigger,) = scaler["spec"]["triggers"]
    (metric,) = re.findall(r"serving_\w+", trigger["metadata"]["query"])
    assert f"# TYPE {metric} gauge" in exposition(Readiness(Management(), ""))
    assert '{namespace="image-classifier"}' in trigger["metadata"]["query"]
    assert of_kind(rendered("keda"), "PodMonitor")


def test_the_rules_are_those_of_compose_with_commands_of_kubectl() -> None:
    (rules,) = of_kind(rendered("monitoring"), "PrometheusRule")
    text = (CONFIG / "prometheus" / "rules.yml").read_text()
    for compose, kubectl in ACTIONS.items():
        assert re.search(compose, text), f"no alert says {compose} any more"
        text = re.sub(compose, kubectl, text)
    assert rules["spec"] == {"groups": yaml.safe_load(text)["groups"]}
    assert not re.search(r"docker|compose|make |\.env", yaml.safe_dump(rules))


def test_every_job_has_the_name_and_port_that_it_has_in_compose() -> None:
    """Rules say what is wrong if a job is absent."""
    text = (CONFIG / "prometheus" / "prometheus.yml").read_text()
    compose = {}
    for job in yaml.safe_load(text)["scrape_configs"]:
        for target in job.get("dns_sd_configs", []):
            compose[job["job_name"]] = (target["names"][0], target["port"])
    jobs = {}
    for monitor in of_kind(rendered("monitoring"), "PodMonitor"):
        (pod,) = selected(rendered("monitoring"), monitor["spec"]["selector"]["matchLabels"])
        for endpoint in monitor["spec"]["podMetricsEndpoints"]:
            (label,) = endpoint["relabelings"]
            assert label["targetLabel"] == "job"
            jobs[label["replacement"]] = (monitor["metadata"]["name"], ports(pod)[endpoint["port"]])
    assert {job: target for job, target in compose.items() if target[0] in ("torchserve", "gateway")} == jobs


def test_the_route_divides_requests_between_two_versions() -> None:
    resources = rendered("canary")
    (route,) = of_kind(resources, "HTTPRoute")
    (rule,) = route["spec"]["rules"]
    assert sum(backend["weight"] for backend in rule["backendRefs"]) == 100
    assert named(resources, "Gateway", route["spec"]["parentRefs"][0]["name"])
    images = []
    for backend in rule["backendRefs"]:
        service = named(resources, "Service", backend["name"])
        assert backend["port"] in [port["port"] for port in service["spec"]["ports"]]
        track = service["spec"]["selector"]["track"]
        servers = {"app.kubernetes.io/name": "torchserve", "track": track}
        (pod,) = selected(resources, servers)
        images.append(pod["containers"][0]["image"])
    assert len(set(images)) == 2


def test_kserve_serves_the_model_under_the_name_of_the_archive() -> None:
    (service,) = of_kind(rendered("kserve"), "InferenceService")
    (runtime,) = of_kind(rendered("kserve"), "ServingRuntime")
    model = service["spec"]["predictor"]["model"]
    assert model["runtime"] == runtime["metadata"]["name"]
    assert model["modelFormat"] in runtime["spec"]["supportedModelFormats"]
    assert model["protocolVersion"] in runtime["spec"]["protocolVersions"]
    assert (
        f"curl -T photo.jpg http://127.0.0.1:8080/predictions/{service['metadata']['name']}"
        in (PROJECT / "README.md").read_text()
    )
