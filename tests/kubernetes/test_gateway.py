"""The gateway's Deployment and the model servers', run together by podman, whose DNS takes the place of the Service."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import pytest
import requests

from scripts.common.paths import CONFIG
from tests.kubernetes import podman
from tests.kubernetes.manifests import named, of_kind, rendered
from tests.kubernetes.podman import Pod
from tests.load import Load
from tests.waiting import wait_for

pytestmark = [pytest.mark.kubernetes, pytest.mark.timeout(1800)]
BACKEND = "torchserve.image-classifier.svc.cluster.local"


@contextmanager
def running(pod: Pod) -> Iterator[Pod]:
    pod.remove()  # of an interrupted run
    pod.start()
    try:
        yield pod
    except BaseException:
        print(pod.log())
        raise
    finally:
        pod.remove()


def server(name: str, image: str) -> Pod:
    return Pod(named(rendered("base"), "Deployment", "torchserve"), image, f"torchserve-{name}", BACKEND)


@pytest.fixture
def gateway(server_image: str) -> Iterator[Pod]:
    """A gateway that is ready."""
    deployment = named(rendered("base"), "Deployment", "gateway")
    (container,) = deployment["spec"]["template"]["spec"]["containers"]
    podman.load_from_docker(container["image"])
    maps = of_kind(rendered("base"), "ConfigMap")
    pod = Pod(deployment, f"docker.io/library/{container['image']}", "gateway", config_maps=maps)
    with running(pod):
        wait_for("the gateway", lambda: pod.probe("readinessProbe"))
        yield pod


def test_an_update_and_a_killed_server_under_load(gateway: Pod, server_image: str, image: bytes) -> None:
    """Pods are replaced one by one, as the Deployment's strategy says; then one is lost without notice."""
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
        wait_for("a ready gateway", lambda: requests.get(f"{url}/readyz", timeout=10).ok)
        (model,) = requests.get(f"{url}/v1/models", timeout=10).json()["models"]
        with Load(f"{url}/predictions/{model}", image) as load:
            load.wait_for(50)
            stack.enter_context(running(new))
            new.wait_ready()
            old.before_stop()
            exit_status, _ = old.terminate(60)
            load.wait_for(load.counts()["200"] + 50)
            kept.kill()
            load.wait_for(load.counts()["200"] + 50)
        assert exit_status == 0
        assert set(load.counts()) == {"200"}, load.counts()
