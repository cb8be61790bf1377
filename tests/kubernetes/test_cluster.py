"""The base on a real cluster, in a namespace of its own: an update, a rollback and a killed pod under load."""

import json
import os
import socket
import subprocess
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import requests
import yaml

from tests.kubernetes.manifests import KUBERNETES, kubectl, of_kind, render
from tests.load import Load
from tests.waiting import wait_for

ON_A_CLUSTER = pytest.mark.skipif(
    not (os.environ.get("KUBECONFIG") and os.environ.get("IMAGE")),
    reason="needs a cluster: set KUBECONFIG, and IMAGE to an image of the model server that the cluster can pull",
)


@dataclass
class Release:
    """The base in one namespace.

    Args:
        namespace: where it runs.
        url: the gateway, through a forwarded port.
    """

    namespace: str
    url: str

    def kubectl(self, *command: str) -> str:
        """Run a kubectl command in the namespace and return its output."""
        words = [kubectl(), "--namespace", self.namespace, *command]
        result = subprocess.run(words, capture_output=True, text=True, check=False, timeout=900)
        assert result.returncode == 0, result.stderr
        return result.stdout

    def pods(self) -> dict[str, bool]:
        """Return the model servers' pods, and whether each is ready."""
        listed = json.loads(self.kubectl("get", "pods", "-l", "app.kubernetes.io/name=torchserve", "-o", "json"))
        return {
            pod["metadata"]["name"]: any(
                condition["type"] == "Ready" and condition["status"] == "True"
                for condition in pod["status"].get("conditions", [])
            )
            for pod in listed["items"]
        }

    def model(self) -> str:
        """Return the served model's name."""
        code = "import requests; print(requests.get('http://127.0.0.1:8081/models').json()['models'][0]['modelName'])"
        return self.kubectl("exec", "deployment/torchserve", "--", "python", "-c", code).strip()


def write_kustomization(folder: Path, namespace: str, image: str) -> None:
    name, _, tag = image.rpartition(":")
    kustomization = {
        "namespace": namespace,
        "resources": [os.path.relpath(KUBERNETES / "base", folder.resolve())],
        "images": [{"name": "image-classifier-server", "newName": name, "newTag": tag}],
    }
    (folder / "kustomization.yaml").write_text(yaml.safe_dump(kustomization), encoding="utf-8")


@pytest.fixture(scope="module")
def release(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Release]:
    folder = tmp_path_factory.mktemp("release")
    namespace = f"classifier-test-{uuid.uuid4().hex[:8]}"
    write_kustomization(folder, namespace, os.environ["IMAGE"])
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    found = Release(namespace, f"http://127.0.0.1:{port}")
    try:
        found.kubectl("apply", "-k", str(folder))
        for deployment in ("torchserve", "gateway"):
            found.kubectl("rollout", "status", f"deployment/{deployment}", "--timeout=10m")
        command = [kubectl(), "-n", namespace, "port-forward", "service/gateway", f"{port}:80"]
        forwarding = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        try:
            wait_for("the gateway", lambda: responds(found.url))
            yield found
        finally:
            forwarding.terminate()
            forwarding.wait(30)
    finally:
        subprocess.run([kubectl(), "delete", "namespace", namespace, "--ignore-not-found"], check=True, timeout=600)


def responds(url: str) -> bool:
    try:
        return requests.get(f"{url}/healthz", timeout=5).ok
    except requests.RequestException:
        return False


def test_the_base_moves_to_another_namespace(tmp_path: Path) -> None:
    write_kustomization(tmp_path, "classifier-test", "registry.example.com/classifier:3")
    resources = tuple(render(tmp_path))
    (namespace,) = of_kind(resources, "Namespace")
    others = {resource["metadata"]["namespace"] for resource in resources if resource is not namespace}
    assert {namespace["metadata"]["name"]} == others == {"classifier-test"}


@ON_A_CLUSTER
@pytest.mark.kubernetes
def test_an_update_and_a_rollback_under_load_lose_no_request(release: Release, image: bytes) -> None:
    before = set(release.pods())
    with Load(f"{release.url}/predictions/{release.model()}", image) as load:
        load.wait_for(50)
        for command in ("restart", "undo"):
            release.kubectl("rollout", command, "deployment/torchserve")
            release.kubectl("rollout", "status", "deployment/torchserve", "--timeout=10m")
        load.wait_for(load.counts()["200"] + 50)
    assert set(load.counts()) == {"200"}, load.counts()
    assert not before & {name for name, ready in release.pods().items() if ready}


@ON_A_CLUSTER
@pytest.mark.kubernetes
def test_a_killed_pod_under_load_is_replaced(release: Release, image: bytes) -> None:
    killed = next(iter(release.pods()))
    with Load(f"{release.url}/predictions/{release.model()}", image) as load:
        load.wait_for(50)
        release.kubectl("delete", "pod", killed, "--grace-period=0", "--force")
        wait_for("two ready pods", lambda: killed not in release.pods() and sum(release.pods().values()) == 2, 600)
        load.wait_for(load.counts()["200"] + 50)
    assert load.lost() == 0, load.counts()
