"""What a client meets at the gateway's port."""

import base64
import http.client
import json
import os
import re
import subprocess
import threading
from pathlib import Path

import pytest
import requests

from scripts.load.traffic import TOO_LARGE
from tests.e2e.stack import Stack, docker
from tests.load import Load
from tests.waiting import wait_for

PROBLEM = "application/problem+json"


def assert_problem(answer: requests.Response, status: int, slug: str) -> None:
    assert answer.status_code == status, answer.text
    assert answer.headers["Content-Type"] == PROBLEM
    assert set(answer.json()) == {"type", "title", "status", "detail"}
    assert (answer.json()["type"], answer.json()["status"]) == (f"/problems/{slug}", status)
    assert answer.headers["X-Request-Id"]


def test_while_the_model_loads_the_gateway_lives_and_asks_to_come_back(stack: Stack) -> None:
    assert stack.early["alive"].ok
    for answer in (stack.early["ready"], stack.early["prediction"]):
        assert_problem(answer, 503, "busy")
        assert answer.headers["Retry-After"] == "1"


def test_ready_once_a_prediction_works(stack: Stack) -> None:
    answer = requests.get(f"{stack.url}/readyz", timeout=15)
    assert (answer.status_code, answer.json()) == (200, {"ready": True})


def test_a_photo_is_named(predictions: str, photo: bytes, label: str) -> None:
    answer = requests.post(predictions, data=photo, timeout=60)
    assert answer.status_code == 200
    assert answer.headers["Content-Type"] == "application/json"
    best = answer.json()
    assert len(best) == 5
    assert best[0]["label"] == label


def test_options_in_the_query_reach_the_handler(predictions: str, photo: bytes) -> None:
    asked = requests.post(f"{predictions}?top_k=3", data=photo, timeout=60)
    assert len(asked.json()) == 3
    sure = requests.post(f"{predictions}?top_k=1000&threshold=0.2", data=photo, timeout=60)
    assert sure.json()
    assert all(one["score"] >= 0.2 for one in sure.json())
    assert_problem(requests.post(f"{predictions}?top_k=0", data=photo, timeout=60), 400, "invalid-parameter")


def test_a_photo_that_curl_calls_a_form_is_named(predictions: str, photo: bytes, label: str) -> None:
    headers = {"Content-Type": "application/x-www-form-urlencoded"}  # what --data-binary sends
    assert requests.post(predictions, data=photo, headers=headers, timeout=60).json()[0]["label"] == label


def test_options_in_headers_still_work(predictions: str, photo: bytes) -> None:
    headers = {"X-Top-K": "2", "Accept": "text/plain"}
    answer = requests.post(predictions, data=photo, headers=headers, timeout=60)
    assert len(answer.text.splitlines()) == 2


def test_the_kserve_address_works(stack: Stack, photo: bytes, label: str) -> None:
    body = {"instances": [{"b64": base64.b64encode(photo).decode()}] * 2, "parameters": {"top_k": 1}}
    answer = requests.post(f"{stack.url}/v1/models/{stack.model()}:predict", json=body, timeout=60)
    assert [[one["label"] for one in best] for best in answer.json()["predictions"]] == [[label]] * 2


@pytest.mark.parametrize(("body", "status", "slug"), [(b"", 400, "empty-body"), (b"hello", 415, "unsupported-format")])
def test_the_handlers_own_refusals_pass(predictions: str, body: bytes, status: int, slug: str) -> None:
    assert_problem(requests.post(predictions, data=body, timeout=60), status, slug)


def test_a_damaged_photo_is_refused_by_the_handler(predictions: str, photo: bytes) -> None:
    assert_problem(requests.post(predictions, data=photo[: len(photo) // 2], timeout=60), 422, "damaged-image")


def test_too_many_pixels_keep_the_handlers_explanation(predictions: str) -> None:
    answer = requests.post(predictions, data=TOO_LARGE, timeout=60)
    assert_problem(answer, 413, "too-many-pixels")


@pytest.mark.parametrize("announced", [True, False], ids=["announced", "chunked"])
def test_too_many_bytes_are_refused(predictions: str, announced: bool) -> None:
    body = b"\0" * 20_971_521
    data = body if announced else iter([body])
    try:
        answer = requests.post(predictions, data=data, timeout=60)
    except requests.ConnectionError:
        # The gateway answers and closes before all was sent, and a client that never looks up sees the close only.
        pytest.fail("the client was cut off instead of answered")
    assert_problem(answer, 413, "body-too-large")


def test_a_photo_of_just_under_the_limit_passes(predictions: str, photo: bytes) -> None:
    assert requests.post(predictions, data=photo + b"\0" * (20_971_520 - len(photo)), timeout=60).ok


def test_a_chunked_photo_is_named(predictions: str, photo: bytes, label: str) -> None:
    assert requests.post(predictions, data=iter([photo]), timeout=60).json()[0]["label"] == label


@pytest.mark.parametrize(
    "path", ["/", "/models", "/metrics", "/accepting", "/predictions", "/v1/models/x", "/connections"]
)
def test_nothing_else_is_behind_the_door(stack: Stack, path: str) -> None:
    assert_problem(requests.get(stack.url + path, timeout=10), 404, "not-found")


@pytest.mark.parametrize("path", ["/predictions/../models", "/predictions/%2e%2e/models", "/predictions/..%2fmodels"])
def test_paths_do_not_lead_out(stack: Stack, path: str) -> None:
    answer = requests.Session().send(_raw(stack.url + path), timeout=10)
    assert answer.status_code in (400, 404)
    assert "modelUrl" not in answer.text


def _raw(url: str) -> requests.PreparedRequest:
    prepared = requests.Request("GET", url).prepare()
    prepared.url = url  # as it is, not as requests would tidy it up
    return prepared


@pytest.mark.parametrize("path", ["/ping/../predictions/x", "/ping/%2e%2e/predictions/x", "/predictions/x/../../ping"])
def test_an_address_leads_where_it_says(stack: Stack, path: str) -> None:
    """TorchServe gets it as it was sent, and reads it in its own way."""
    sent = requests.Request("POST", stack.url, data=b"x").prepare()
    sent.url = stack.url + path
    with requests.Session() as session:
        assert_problem(session.send(sent, timeout=10), 404, "not-found")


def test_no_form_reaches_torchserves_own_parser(stack: Stack, predictions: str, photo: bytes) -> None:
    host, _, path = predictions.removeprefix("http://").partition("/")
    for kind in ("\tmultipart/form-data; boundary=x", "\tapplication/x-www-form-urlencoded", "multipart/form-data"):
        connection = http.client.HTTPConnection(host, timeout=30)
        connection.request("POST", f"/{path}", body=b"--x\r\nno form\r\n", headers={"Content-Type": kind})
        assert connection.getresponse().status in (400, 415), kind
        connection.close()


def test_marks_of_torchserves_own_are_not_a_clients(predictions: str) -> None:
    for mark in ("describe", "explain"):
        assert_problem(requests.post(predictions, headers={mark: "True"}, timeout=10), 400, "empty-body")


def test_request_ids_are_passed_through_and_logged(stack: Stack, predictions: str, photo: bytes) -> None:
    answer = requests.post(predictions, data=photo, headers={"X-Request-Id": "mine-1"}, timeout=60)
    assert answer.headers["X-Request-Id"] == "mine-1"
    forged = requests.post(predictions, data=photo, headers={"X-Request-Id": 'a"b c'}, timeout=60)
    assert re.fullmatch("[0-9a-f]{32}", forged.headers["X-Request-Id"])
    line = wait_for("a log line", lambda: next((one for one in stack.log() if one["request_id"] == "mine-1"), None))
    assert (line["status"], line["method"], line["upstream_status"]) == (200, "POST", "200")
    assert re.fullmatch("[0-9a-f-]{36}", line["torchserve_request_id"])  # finds the request in the worker's log
    assert line["seconds"] > 0


def test_no_photo_and_no_token_is_logged(stack: Stack, predictions: str) -> None:
    hostile = {"X-Request-Id": "quoted", "User-Agent": 'x","status":500,"y":"\u00e9'}
    requests.post(predictions, data=b"hello", headers={k: v.encode() for k, v in hostile.items()}, timeout=60)
    line = wait_for("a log line", lambda: next((one for one in stack.log() if one["request_id"] == "quoted"), None))
    assert line["status"] == 415
    assert stack.environment["MANAGEMENT_TOKEN"] not in json.dumps(stack.log())


def test_too_many_requests_are_told_to_wait(stack: Stack, photo: bytes) -> None:
    model = stack.model()
    with stack.gateway("-e", "REQUESTS_PER_SECOND=2") as (_, address):
        answers = [requests.post(f"http://{address}:8080/predictions/{model}", data=b"", timeout=60) for _ in range(8)]
        refused = [answer for answer in answers if answer.status_code == 429]
        assert answers[0].status_code == 400  # the handler's: it got through
        assert refused
        assert_problem(refused[0], 429, "too-many-requests")
        assert refused[0].headers["Retry-After"] == "1"


def test_a_server_that_does_not_answer_is_a_504(stack: Stack, photo: bytes) -> None:
    model, server = stack.model(), stack.containers("torchserve")[0]
    with stack.gateway("-e", "RESPONSE_SECONDS=2") as (_, address):
        docker("pause", server)
        try:
            answer = requests.post(f"http://{address}:8080/predictions/{model}", data=photo, timeout=60)
        finally:
            docker("unpause", server)
    assert_problem(answer, 504, "timeout")
    wait_for("a ready stack", stack.ready)


def test_a_full_queue_is_a_503_and_those_who_wait_are_answered(stack: Stack, predictions: str, photo: bytes) -> None:
    worker = stack.worker()
    server = stack.containers("torchserve")[0]
    answers: list[requests.Response] = []

    def ask() -> None:
        answers.append(requests.post(predictions, data=photo, timeout=90))

    docker("exec", server, "sh", "-c", f"kill -STOP {worker}")  # answers nobody, so that the queue of 100 fills
    try:
        threads = [threading.Thread(target=ask) for _ in range(130)]
        for thread in threads:
            thread.start()
        # The worker's batch and the queue hold at most 108 of them.
        wait_for("refusals", lambda: len(answers) >= 22, 60)
    finally:
        docker("exec", server, "sh", "-c", f"kill -CONT {worker}")
        for thread in threads:
            thread.join()
    refused = [answer for answer in answers if not answer.ok]
    for answer in refused:
        assert_problem(answer, 503, "busy")
        assert answer.headers["Retry-After"] == "1"
    assert 22 <= len(refused) < 60  # the worker may have taken fewer than a batch before it stopped
    assert len(answers) == 130


def test_a_reload_cuts_no_client_that_keeps_its_connection(stack: Stack, predictions: str, photo: bytes) -> None:
    gateway = stack.containers("gateway")[0]
    with Load(predictions, photo) as load:
        for _ in range(10):
            load.wait_for(load.counts()["200"] + 20)
            docker("exec", gateway, "nginx", "-c", "/tmp/gateway/nginx.conf", "-s", "reload")
    assert set(load.counts()) == {"200"}, load.counts()


def test_tls_where_a_certificate_is_mounted(stack: Stack, photo: bytes, label: str, tmp_path: Path) -> None:
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", "-subj", "/CN=localhost"]
    command += ["-keyout", str(tmp_path / "tls.key"), "-out", str(tmp_path / "tls.crt")]
    subprocess.run(command, check=True, capture_output=True)
    for file in tmp_path.iterdir():
        os.chown(file, 101, 101)
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
            answer = subprocess.run(command, input=photo, capture_output=True, check=True)
            assert json.loads(answer.stdout)[0]["label"] == label
            assert_problem(requests.get(f"http://{address}:8080/healthz", timeout=10), 400, "tls-needed")
            assert docker("inspect", "--format", "{{.State.Running}}", name) == "true"
    finally:
        del stack.environment["GATEWAY_SECRETS"]
