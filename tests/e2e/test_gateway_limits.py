"""Limits and timeouts of the gateway, reloads and TLS."""

import json
import os
import ssl
import subprocess
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import requests

from scripts.client.metrics import samples
from tests.e2e.problems import assert_problem
from tests.e2e.stack import TOKEN, Stack, docker, paused
from tests.load import Load
from tests.waiting import wait_for


@pytest.mark.parametrize("chunked", [False, True], ids=["content-length", "chunked"])
def test_too_many_bytes_are_413(predictions: str, chunked: bool) -> None:
    body = b"\0" * 20_971_521
    data = iter([body]) if chunked else body
    try:
        response = requests.post(predictions, data=data, timeout=60)
    except requests.ConnectionError:
        # The gateway responds and closes early. A client that only sends would miss the response.
        pytest.fail("the connection was closed without a response")
    assert_problem(response, 413, "body-too-large")


def test_too_many_requests_are_429(stack: Stack) -> None:
    model = stack.model()
    with stack.gateway("-e", "REQUESTS_PER_SECOND=2") as (_, address):
        responses = [
            requests.post(f"http://{address}:8080/predictions/{model}", data=b"", timeout=60) for _ in range(8)
        ]
        refused = [response for response in responses if response.status_code == 429]
        assert responses[0].status_code == 400  # from the handler, so the request passed the limit
        assert refused
        assert_problem(refused[0], 429, "too-many-requests")
        assert refused[0].headers["Retry-After"] == "1"


def test_a_server_that_does_not_respond_is_504(stack: Stack, image: bytes) -> None:
    model, server = stack.model(), stack.containers("torchserve")[0]
    with stack.gateway("-e", "RESPONSE_SECONDS=2") as (_, address), paused(server):
        response = requests.post(f"http://{address}:8080/predictions/{model}", data=image, timeout=60)
    assert_problem(response, 504, "timeout")
    wait_for("a ready stack", stack.ready)


def test_a_full_queue_is_503_and_waiting_requests_succeed(stack: Stack, predictions: str, image: bytes) -> None:
    worker = stack.worker()
    server = stack.containers("torchserve")[0]
    responses: list[requests.Response] = []

    def predict() -> None:
        responses.append(requests.post(predictions, data=image, timeout=90))

    docker("exec", server, "sh", "-c", f"kill -STOP {worker}")  # so that the queue of 100 fills
    try:
        threads = [threading.Thread(target=predict) for _ in range(130)]
        for thread in threads:
            thread.start()
        # The worker's batch and the queue hold at most 108 requests.
        wait_for("refusals", lambda: len(responses) >= 22, 60)
    finally:
        docker("exec", server, "sh", "-c", f"kill -CONT {worker}")
        for thread in threads:
            thread.join()
    refused = [response for response in responses if not response.ok]
    for response in refused:
        assert_problem(response, 503, "busy")
        assert response.headers["Retry-After"] == "1"
    assert 22 <= len(refused) < 60  # the worker may have received less than a full batch before it stopped
    assert len(responses) == 130


def test_the_time_in_the_queue_counts_towards_a_deadline(stack: Stack, predictions: str, image: bytes) -> None:
    worker, server = stack.worker(), stack.containers("torchserve")[0]
    before = late(stack)
    # A stamp of the client would make its request look newer than it is.
    headers = {"X-Request-Timeout": "1", "X-Request-Start": "t=9999999999.000"}
    with ThreadPoolExecutor() as pool:
        docker("exec", server, "sh", "-c", f"kill -STOP {worker}")
        try:
            waiting = pool.submit(requests.post, predictions, data=image, headers=headers, timeout=90)
            with pytest.raises(requests.Timeout):
                requests.post(predictions, data=image, timeout=2)
        finally:
            docker("exec", server, "sh", "-c", f"kill -CONT {worker}")
    assert_problem(waiting.result(), 504, "deadline-exceeded")
    assert waiting.result().headers["Retry-After"] == "1"
    assert late(stack) == before + 1
    assert requests.post(predictions, data=image, headers=headers | {"X-Request-Timeout": "60"}, timeout=90).ok


def late(stack: Stack) -> float:
    """Return how many deadlines the gateway has counted, apart from its own timeouts."""
    text = stack.manage("GET", "/gateway/metrics").text
    return sum(sample.value for sample in samples(text) if sample.labels.get("status") == "504 deadline-exceeded")


def test_a_reload_cuts_no_keep_alive_connection(stack: Stack, predictions: str, image: bytes) -> None:
    gateway = stack.containers("gateway")[0]
    with Load(predictions, image) as load:
        for _ in range(10):
            load.wait_for(load.counts()["200"] + 20)
            docker("exec", gateway, "nginx", "-c", "/tmp/gateway/nginx.conf", "-s", "reload")
    assert set(load.counts()) == {"200"}, load.counts()


def make_certificate(folder: Path) -> None:
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", "-subj", "/CN=localhost"]
    command += ["-keyout", str(folder / "tls.key"), "-out", str(folder / "tls.crt")]
    subprocess.run(command, check=True, capture_output=True)
    for file in folder.iterdir():
        os.chown(file, 101, 101)


def test_tls(stack: Stack, image: bytes, label: str, tmp_path: Path) -> None:
    make_certificate(tmp_path)
    tmp_path.chmod(0o755)
    model = stack.model()
    stack.environment["GATEWAY_SECRETS"] = str(tmp_path)
    try:
        with stack.gateway() as (name, address):
            command = ["curl", "--silent", "--cacert", str(tmp_path / "tls.crt"), "--resolve"]
            command += [
                f"localhost:8080:{address}",
                "--upload-file",
                "-",
                f"https://localhost:8080/predictions/{model}",
            ]
            result = subprocess.run(command, input=image, capture_output=True, check=True)
            assert json.loads(result.stdout)[0]["label"] == label
            manage = ["curl", "--silent", "--insecure", "--header", f"Authorization: Bearer {TOKEN}"]
            manage += ["--write-out", "%{http_version} %{http_code}", "--output", "/dev/null"]
            result = subprocess.run([*manage, f"https://{address}:8081/models"], capture_output=True, check=True)
            assert result.stdout == b"2 200"
            assert_problem(requests.get(f"http://{address}:8080/healthz", timeout=10), 400, "tls-needed")
            assert docker("inspect", "--format", "{{.State.Running}}", name) == "true"
            first = ssl.get_server_certificate((address, 8080))
            make_certificate(tmp_path)
            wait_for("the renewed certificate", lambda: ssl.get_server_certificate((address, 8080)) != first, 90)
    finally:
        del stack.environment["GATEWAY_SECRETS"]


@pytest.mark.parametrize(
    "setting",
    ["GRPC=yes", "REPLICAS=two", "UPLOAD_SECONDS=0", "UPLOAD_SECONDS=-1", "UPLOAD_SECONDS=1.5", "REPLICAS=00"],
)
def test_a_setting_that_makes_no_sense_stops_the_start(stack: Stack, setting: str) -> None:
    name, value = setting.split("=")
    with pytest.raises(AssertionError, match=rf"gateway: {name} is {value}: set "):
        stack.compose("run", "--rm", "--no-deps", "-e", setting, "gateway", timeout=60)
