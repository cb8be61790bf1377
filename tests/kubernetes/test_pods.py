"""The Deployment of the model servers, run by podman as the cluster would run it."""

import json
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests

from tests.kubernetes.manifests import named, rendered
from tests.kubernetes.pod import Pod, running
from tests.load import Load
from tests.waiting import wait_for

pytestmark = [pytest.mark.kubernetes, pytest.mark.timeout(1800)]
INFERENCE, MANAGEMENT = 8080, 8081


@pytest.fixture
def new_pod(server_image: str) -> Iterator[Pod]:
    """A pod that is starting."""
    with running(Pod(named(rendered("base"), "Deployment", "torchserve"), server_image, "torchserve-tested")) as pod:
        yield pod


@pytest.fixture
def pod(new_pod: Pod) -> Pod:
    """A pod that is ready."""
    new_pod.wait_ready()
    return new_pod


def manage(pod: Pod, method: str, path: str) -> str:
    """Send a request to the management API from within the pod."""
    code = "import sys, requests; print(requests.request(*sys.argv[1:], timeout=60).text)"
    return pod.execute("python", "-c", code, method, f"http://127.0.0.1:{MANAGEMENT}{path}")


def model(pod: Pod) -> str:
    """Return the name of the only model."""
    (found,) = json.loads(manage(pod, "GET", "/models"))["models"]
    return str(found["modelName"])


def test_ready_only_while_a_prediction_works(new_pod: Pod, image: bytes) -> None:
    wait_for("the status service", lambda: status(new_pod, "/accepting") == 503)
    assert not new_pod.probe("startupProbe")
    assert not new_pod.probe("readinessProbe")
    new_pod.wait_ready()
    url = f"http://{new_pod.address}:{INFERENCE}/predictions/{model(new_pod)}"
    prediction = requests.post(url, data=image, timeout=30)
    assert prediction.json()[0]["label"] == "espresso"
    assert new_pod.probe("livenessProbe")

    new_pod.execute("pkill", "-STOP", "-f", "model_service_worker")  # TorchServe goes on calling it READY
    wait_for("an unready pod", lambda: not new_pod.probe("readinessProbe"))
    assert new_pod.probe("livenessProbe"), "TorchServe restarts such a worker itself, after responseTimeout"
    new_pod.execute("pkill", "-CONT", "-f", "model_service_worker")
    wait_for("a ready pod", lambda: new_pod.probe("readinessProbe"))


def status(pod: Pod, path: str) -> int:
    try:
        return requests.get(f"http://{pod.address}:8083{path}", timeout=5).status_code
    except requests.ConnectionError:
        return 0


def test_confined(pod: Pod) -> None:
    process = dict(line.split(":", 1) for line in pod.execute("cat", "/proc/1/status").splitlines())
    assert process["Uid"].split() == ["10001"] * 4
    assert int(process["CapBnd"], 16) == 0
    assert process["NoNewPrivs"].strip() == "1"
    assert process["Seccomp"].strip() == "2"
    writable = "for d in / /srv/app /srv/archives /srv/models /srv/state /tmp; do [ -w $d ] && echo $d; done; true"
    assert pod.execute("sh", "-c", writable).split() == ["/srv/models", "/srv/state", "/tmp"]
    with pytest.raises(requests.ConnectionError):
        requests.get(f"http://{pod.address}:{MANAGEMENT}/models", timeout=5)
    assert model(pod) in manage(pod, "GET", "/models")


def test_a_stop_under_load_loses_no_request(pod: Pod, image: bytes) -> None:
    """Requests that arrive during the hook succeed, as do those in the queue at SIGTERM; later ones get a 503."""
    grace = pod.spec["terminationGracePeriodSeconds"]
    url = f"http://{pod.address}:{INFERENCE}/predictions/{model(pod)}"
    with ThreadPoolExecutor(1) as kubelet, Load(url, image) as load:
        load.wait_for(50)
        start = time.monotonic()
        pod.before_stop()
        hook = time.monotonic() - start
        assert set(load.counts()) == {"200"}, load.counts()
        stopping = kubelet.submit(pod.terminate, grace - hook)
        load.wait_for(1, outcome="503")
        load.stop()
        exit_status, seconds = stopping.result()
    assert set(load.counts()) == {"200", "503"}, load.counts()
    assert load.counts()["503"] <= 2 * load.clients, "only requests that were sent after the signal"
    assert exit_status == 0
    assert hook + seconds < grace
    assert "stopped" in pod.log()


def test_a_crashed_container_starts_again_in_its_pod(pod: Pod) -> None:
    name = model(pod)
    pod.kill()
    pod.start_again()
    pod.wait_ready()
    assert model(pod) == name
    left = pod.execute("sh", "-c", "ls -d /tmp/torchserve-* | wc -l")
    assert left == "1", "the crashed server's unpacked archives fill /tmp"


def test_a_new_pod_keeps_nothing_of_the_old_one(pod: Pod) -> None:
    name = model(pod)
    manage(pod, "DELETE", f"/models/{name}")
    wait_for("no model", lambda: name not in manage(pod, "GET", "/models"))
    pod.execute("touch", "/srv/models/left", "/srv/state/left", "/tmp/left")
    pod.terminate(pod.spec["terminationGracePeriodSeconds"])
    pod.remove()
    pod.start()
    pod.wait_ready()
    assert model(pod) == name
    assert pod.execute("sh", "-c", "ls /srv/models/left /srv/state/left /tmp/left 2>/dev/null; true") == ""
