"""The gateway's Deployment and the model servers', run together by podman, with the Service's DNS."""

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from copy import deepcopy

import pytest
import requests

from scripts.common.paths import CONFIG
from tests.kubernetes import dns, podman
from tests.kubernetes.manifests import named, of_kind, rendered
from tests.kubernetes.pod import Pod, running
from tests.load import Load
from tests.waiting import wait_for

pytestmark = [pytest.mark.kubernetes, pytest.mark.timeout(1800)]


def server(name: str, image: str) -> Pod:
    return Pod(named(rendered("base"), "Deployment", "torchserve"), image, f"torchserve-{name}", podman.OPEN)


@pytest.fixture
def gateway(server_image: str) -> Iterator[Pod]:
    """A gateway that is ready, with a limit of requests that the tests do not reach from their one address."""
    deployment = deepcopy(named(rendered("base"), "Deployment", "gateway"))
    (container,) = deployment["spec"]["template"]["spec"]["containers"]
    (limit,) = [variable for variable in container["env"] if variable["name"] == "REQUESTS_PER_SECOND"]
    limit["value"] = "1000"
    image = podman.load_from_docker(container["image"])
    maps = of_kind(rendered("base"), "ConfigMap")
    pod = Pod(deployment, image, "gateway", podman.OPEN, config_maps=maps)
    with running(pod):
        wait_for("the gateway", lambda: pod.probe("readinessProbe"))
        yield pod


@pytest.fixture
def service(server_image: str) -> Iterator[dns.HeadlessService]:
    with dns.serving(podman.gateway_of(podman.OPEN)) as service:
        yield service


def test_an_update_a_killed_server_and_a_stopped_gateway_under_load(
    service: dns.HeadlessService, gateway: Pod, server_image: str, image: bytes
) -> None:
    """A pod is replaced as the Deployment's strategy says; another one is lost without notice; the gateway stops."""
    url = f"http://{gateway.address}:8080"
    assert requests.get(f"{url}/readyz", timeout=10).status_code == 503
    description = requests.get(f"{url}/openapi.yaml", timeout=10)
    assert description.content == (CONFIG / "api" / "openapi.yaml").read_bytes()
    with ExitStack() as stack:
        old, kept, new = (server(name, server_image) for name in ("old", "kept", "new"))
        for pod in (old, kept):
            stack.enter_context(running(pod))
        for pod in (old, kept):
            pod.wait_ready()
        service.ready = [old.address, kept.address]
        wait_for("a ready gateway", lambda: requests.get(f"{url}/readyz", timeout=10).ok)
        (model,) = requests.get(f"{url}/v1/models", timeout=10).json()["models"]
        assert requests.get(f"{url}/docs", timeout=10).headers["Content-Type"] == "text/html; charset=utf-8"
        page = requests.get(f"{url}/", headers={"Accept": "text/html"}, timeout=10)
        assert (page.url, page.status_code) == (f"{url}/predictions/{model}", 200)
        with Load(f"{url}/predictions/{model}", image) as load:
            load.wait_for(50)
            stack.enter_context(running(new))
            new.wait_ready()
            service.ready = [kept.address, new.address]  # the Service forgets a pod when its deletion begins
            old.before_stop()
            exit_status, _ = old.terminate(old.spec["terminationGracePeriodSeconds"])
            load.wait_for(load.counts()["200"] + 50)
            kept.kill()
            load.wait_for(load.counts()["200"] + 50)
        assert exit_status == 0
        assert set(load.counts()) == {"200"}, load.counts()
        assert load.longest_gap() < 10, "nobody got a response for a while"
        with ThreadPoolExecutor(1) as kubelet, Load(f"{url}/predictions/{model}", image, keep_alive=False) as load:
            load.wait_for(50)
            stopping = kubelet.submit(gateway.terminate, gateway.spec["terminationGracePeriodSeconds"])
            load.wait_for(1, outcome="refused")
            load.stop()  # at once: connections to a pod that is gone take a minute to fail
            gateway_status, _ = stopping.result()
        load.refuse_untaken(request_ids(gateway) | request_ids(new))
        assert gateway_status == 0
        assert set(load.counts()) <= {"200", "refused"}, load.counts()


def request_ids(pod: Pod) -> set[str]:
    """Return the ids of the requests in a pod's log."""
    return {json.loads(line)["request_id"] for line in pod.log().splitlines() if line.startswith("{")}
