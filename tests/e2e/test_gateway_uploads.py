"""Bodies that take long, or that need much memory."""

import json
import socket
import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests

from tests.e2e.stack import TOKEN, Stack, docker, paused
from tests.waiting import wait_for

SECONDS = 3
TOKEN_HEADER = ["--header", f"Authorization: Bearer {TOKEN}"]
GRPC = ["--header", "Content-Type: application/grpc", "--header", "TE: trailers", "--http2-prior-knowledge"]


@pytest.fixture(scope="module")
def address(stack: Stack) -> Iterator[str]:
    with stack.gateway("-e", f"UPLOAD_SECONDS={SECONDS}") as (_, address):
        yield address


def drip(url: str, *options: str) -> tuple[str, str, float]:
    """Send a body a byte a second with curl, and return the response's headers and body and the seconds it took.

    Unlike "-", "." lets curl read meanwhile.
    """
    body = f"for _ in $(seq {5 * SECONDS}); do printf x; sleep 1; done"
    command = ["curl", "--silent", "--include", "--upload-file", ".", "--header", "Expect:", *options, url]
    start = time.monotonic()
    with subprocess.Popen(["sh", "-c", body], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as sender:
        result = subprocess.run(command, stdin=sender.stdout, capture_output=True, text=True, check=False, timeout=60)
        seconds = time.monotonic() - start
        sender.kill()
    headers, _, text = result.stdout.replace("\r", "").partition("\n\n")
    return headers, text, seconds


@pytest.mark.parametrize(
    ("port", "path", "options"),
    [
        pytest.param(8080, "/predictions/m", ["--request", "POST"], id="prediction"),
        pytest.param(8080, "/predictions/m", ["--request", "POST", "--http2-prior-knowledge"], id="http2"),
        pytest.param(8080, "/explanations/m", [], id="explanation"),
        pytest.param(8080, "/predictions/m", ["--request", "GET", "--header", "Accept: text/html"], id="page"),
        pytest.param(8080, "/", ["--request", "GET", "--header", "Accept: text/html"], id="root"),
        pytest.param(8080, "/docs", ["--request", "GET"], id="docs"),
        pytest.param(8080, "/readyz", ["--request", "GET"], id="readiness"),
        pytest.param(8081, "/models", ["--request", "GET", *TOKEN_HEADER], id="management"),
    ],
)
def test_a_body_that_takes_too_long_is_408(address: str, port: int, path: str, options: list[str]) -> None:
    headers, body, seconds = drip(f"http://{address}:{port}{path}", *options)
    assert " 408" in headers.split("\n", 1)[0]
    assert "x-request-id: " in headers.lower()
    problem = json.loads(body)
    assert (problem["type"], problem["status"]) == ("/problems/upload-timeout", 408)
    assert problem["detail"] == f"send all of it within {SECONDS} seconds"
    assert SECONDS <= seconds < SECONDS + 3


def stop_in_the_middle(address: str, rest: bytes = b"") -> None:
    """Send half of a body, and the rest after the 408; then the connection must end."""
    with socket.create_connection((address, 8080), timeout=SECONDS + 3) as client:
        client.sendall(b"POST /predictions/m HTTP/1.1\r\nHost: here\r\nContent-Length: 2\r\n\r\nx")
        assert client.recv(65536).startswith(b"HTTP/1.1 408 ")
        client.sendall(rest)
        client.settimeout(2)
        assert client.recv(65536) == b""


@pytest.mark.parametrize("rest", [b"", b"x"], ids=["client waits", "rest follows"])
def test_after_a_408_the_connection_ends(address: str, rest: bytes) -> None:
    stop_in_the_middle(address, rest)


def test_errors_are_in_another_stream_than_the_log_of_requests(stack: Stack) -> None:
    """In one stream, they would break the lines of JSON."""

    def log() -> subprocess.CompletedProcess[str]:
        return subprocess.run(["docker", "logs", name], capture_output=True, text=True, check=True)

    with stack.gateway("-e", "UPLOAD_SECONDS=1") as (name, address):
        stop_in_the_middle(address)
        wait_for("the error", lambda: "js exception: Error: the body took more than 1 seconds" in log().stderr)
        assert "js exception" not in log().stdout


def test_a_grpc_message_that_takes_too_long_is_deadline_exceeded(address: str) -> None:
    headers, _, seconds = drip(
        f"http://{address}:8080/inference.GRPCInferenceService/ModelInfer", "--request", "POST", *GRPC
    )
    assert "grpc-status: 4\n" in headers
    assert f"grpc-message: The body took too long: send all of it within {SECONDS} seconds\n" in headers
    assert SECONDS <= seconds < SECONDS + 4


def test_a_body_of_many_parts_in_time_is_passed_on(stack: Stack, address: str, image: bytes) -> None:
    parts = [image[start : start + len(image) // 9] for start in range(0, len(image), len(image) // 9)]

    def slowly() -> Iterator[bytes]:
        for part in parts:
            yield part
            time.sleep(SECONDS / 20)

    expected = requests.post(f"{stack.url}/predictions/{stack.model()}", data=image, timeout=60)
    response = requests.post(f"http://{address}:8080/predictions/{stack.model()}", data=slowly(), timeout=60)
    assert (response.status_code, response.json()) == (200, expected.json())


@pytest.mark.parametrize("replicas", [1, pytest.param(2, id="2, so they are sent again")])
def test_more_large_bodies_than_memory_end_no_other_request(stack: Stack, image: bytes, replicas: int) -> None:
    """They fill the gateway's memory for files while no model server responds. njs has each once more."""
    model, server = stack.model(), stack.containers("torchserve")[0]
    body = bytes(20_971_520)
    with stack.gateway("-e", "RESPONSE_SECONDS=5", "-e", f"REPLICAS={replicas}") as (name, address):
        url = f"http://{address}:8080/predictions/{model}"

        def status(_: int) -> int:
            return requests.post(url, data=body, timeout=120).status_code

        with paused(server), ThreadPoolExecutor(50) as pool:
            statuses = set(pool.map(status, range(50)))
        assert statuses <= {500, 503, 504}
        assert 500 in statuses  # the memory for files was full
        wait_for("a ready stack", stack.ready)
        assert requests.post(url, data=image, timeout=60).ok
        assert docker("inspect", "--format", "{{.State.OOMKilled}} {{.RestartCount}}", name) == "false 0"
        assert "exited on signal" not in docker("exec", name, "cat", "/tmp/gateway/error.log")
