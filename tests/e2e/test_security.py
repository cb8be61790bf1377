"""Everything that docs/security.md calls closed or refused, at the gateway, in its network and on this machine."""

import hashlib
import json
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import psutil
import pytest
import requests

from scripts.common.paths import CONFIG
from tests.e2e.problems import assert_problem
from tests.e2e.stack import TOKEN, Stack, docker
from tests.e2e.test_management import failed_start

STORE = "/srv/models"


def in_server(stack: Stack, command: str) -> str:
    return docker("exec", stack.containers("torchserve")[0], "sh", "-c", command)


@pytest.fixture(scope="module")
def guarded(stack: Stack) -> Iterator[Stack]:
    """The stack, with only the served archive allowed, and with other files and links in the store."""
    served = f"{STORE}/{stack.model()}.mar"
    stack.environment["ALLOWED_SHA256"] = in_server(stack, f"sha256sum {served}").split()[0]
    stack.up()
    files = f"cp {served} {STORE}/same.mar; cp {served} {STORE}/other.mar; printf x >> {STORE}/other.mar"
    in_server(stack, f"{files}; ln -s {served} {STORE}/link.mar; ln -s /etc/passwd {STORE}/out.mar")
    yield stack
    in_server(stack, f"rm -f {STORE}/same.mar {STORE}/other.mar {STORE}/link.mar {STORE}/out.mar")
    del stack.environment["ALLOWED_SHA256"]
    stack.up()


def register(stack: Stack, query: str, path: str = "/models", **options: object) -> requests.Response:
    headers = {"Authorization": f"Bearer {TOKEN}"}
    request = requests.Request("POST", stack.management_url, headers=headers, **options).prepare()
    request.url = f"{stack.management_url}{path}?{query}"  # unchanged; requests would normalise it
    with requests.Session() as session:
        return session.send(request, timeout=120)


REFUSED = [
    "url=other.mar",
    "url=link.mar",
    "url=out.mar",
    "url=nowhere.mar",
    f"url=file://{STORE}/other.mar",
    f"url={quote(f'file://{STORE}/link.mar', safe='')}",
    "url=http://127.0.0.1:8082/metrics",
    "url=https%3A%2F%2F127.0.0.1%2Fx.mar",
    "url=file:///etc/passwd",
    f"url=file://{STORE}/../archives/same.mar",
    "url=%2e%2e%2fmodels%2fsame.mar",
    "url=%252e%252e%252fmodels%252fsame.mar",
    "url=..%5cmodels%5csame.mar",
    "url=same.mar&url=other.mar",
    "model_name=x;url=other.mar",
    "url=same.mar&handler=os:system",
    "model_name=x",
]


@pytest.mark.parametrize("query", REFUSED)
def test_only_allowed_archives_are_registered(guarded: Stack, query: str) -> None:
    before = guarded.manage("GET", "/models").json()
    assert_problem(register(guarded, query), 403, "registration-refused")
    assert guarded.manage("GET", "/models").json() == before


@pytest.mark.parametrize("path", ["/%6dodels", "//models", "/x/../models"])
def test_another_spelling_of_the_path_is_checked_too(guarded: Stack, path: str) -> None:
    assert_problem(register(guarded, "url=other.mar", path), 403, "registration-refused")


@pytest.mark.parametrize("path", ["/models/", "/models/x", "/workflows", "/models%3furl=other.mar"])
def test_other_posts_are_405(guarded: Stack, path: str) -> None:
    response = register(guarded, "url=other.mar", path)
    assert_problem(response, 405, "method-not-allowed")
    assert response.headers["Allow"] == "GET, PUT, DELETE"


def test_a_json_body_registers_nothing(guarded: Stack) -> None:
    """TorchServe prefers the body to the query, and only the query is checked."""
    assert_problem(register(guarded, "", json={"url": "other.mar"}), 403, "registration-refused")
    response = register(
        guarded, "url=same.mar&model_name=by-address", json={"url": "other.mar", "model_name": "by-body"}
    )
    assert response.ok, response.text
    names = {model.name: model.archive for model in guarded.management().models()}
    assert guarded.manage("DELETE", "/models/by-address").ok
    assert names["by-address"] == "same.mar"
    assert "by-body" not in names


def test_a_server_does_not_start_with_a_forbidden_archive(stack: Stack) -> None:
    command = [
        "docker",
        "run",
        "--rm",
        "--network",
        "none",
        "--tmpfs",
        "/tmp:exec",
        "--env",
        f"ALLOWED_SHA256={'0' * 64}",
    ]
    command.append(stack.environment["IMAGE"])
    result = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert result.returncode == 1
    assert "which is not in ALLOWED_SHA256: add it there if you trust the archive" in result.stderr


def curl_from_outside(stack: Stack, url: str) -> str:
    """Return the status that another container in the network `outside` gets, or 000 without a response."""
    options = ["--rm", "--network", f"{stack.project}_outside", "--entrypoint", "curl", "nginx:1.30"]
    command = ["docker", "run", *options, "--silent", "--max-time", "5", "--output", "/dev/null"]
    result = subprocess.run([*command, "--write-out", "%{http_code}", url], capture_output=True, text=True, check=False)
    return result.stdout


def test_other_containers_reach_only_two_ports_of_the_gateway(stack: Stack) -> None:
    gateway = stack.address(stack.containers("gateway")[0], "outside")
    assert curl_from_outside(stack, f"http://{gateway}:8080/healthz") == "200"
    assert curl_from_outside(stack, f"http://{gateway}:8081/models") == "401"
    assert curl_from_outside(stack, f"http://{gateway}:8082/metrics") == "000"
    server = stack.address(stack.containers("torchserve")[0])
    for port in (8080, 8081, 8082, 8083):
        assert curl_from_outside(stack, f"http://{server}:{port}/") == "000"
    assert curl_from_outside(stack, "http://torchserve:8081/models") == "000"


def test_ports_are_open_on_loopback_only(stack: Stack) -> None:
    found = [address.address for interface in psutil.net_if_addrs().values() for address in interface]
    addresses = [address for address in found if address.count(".") == 3 and not address.startswith("127.")]
    assert addresses
    for address in addresses:
        for port in stack.ports.values():
            with socket.socket() as probe:
                probe.settimeout(2)
                assert probe.connect_ex((address, port)) != 0, (address, port)


def test_the_token_is_in_no_process_list_file_or_log(stack: Stack) -> None:
    stack.manage("GET", "/models")
    stack.manage("GET", "/models", token=f"{TOKEN}x")
    arguments = [Path(f"/proc/{pid}/cmdline") for pid in psutil.pids()]
    assert not [path for path in arguments if path.exists() and TOKEN.encode() in path.read_bytes()]
    # The model server's first process has it in its environment; TorchServe and its workers do not inherit it.
    search = f"grep -l {TOKEN[:-1]}[{TOKEN[-1]}] /proc/[0-9]*/environ 2>/dev/null || true"
    found = in_server(stack, f"for file in $({search}); do cat ${{file%environ}}comm; done").split()
    assert "java" not in found
    workers = in_server(stack, "pgrep -f model_service_worker").split()
    assert workers
    assert not [pid for pid in workers if f"/proc/{pid}/environ" in in_server(stack, search).split()]
    assert docker("exec", stack.containers("gateway")[0], "sh", "-c", f"grep -rl {TOKEN} /tmp || true") == ""
    for service in ("gateway", "torchserve", "prometheus"):
        container = stack.containers(service)[0]
        logs = subprocess.run(["docker", "logs", container], capture_output=True, text=True, check=True)
        assert TOKEN not in logs.stdout + logs.stderr
    for image in ("nginx:1.30", "prom/prometheus:v3.5.0", stack.environment["IMAGE"]):
        assert TOKEN not in docker("history", "--no-trunc", image) + docker("image", "inspect", image)


@pytest.mark.parametrize(
    ("service", "setting", "secret"),
    [("torchserve", "MANAGEMENT_SECRETS", "management_token"), ("gateway", "GATEWAY_SECRETS", "tls.key")],
)
def test_a_secret_that_every_user_can_read_is_refused(
    stack: Stack, tmp_path: Path, service: str, setting: str, secret: str
) -> None:
    (tmp_path / "tls.crt").write_text("certificate")
    (tmp_path / secret).write_text(TOKEN)
    (tmp_path / secret).chmod(0o644)
    tmp_path.chmod(0o755)
    stack.environment[setting] = str(tmp_path)
    try:
        log = failed_start(stack, service, "-e", "MANAGEMENT_TOKEN=")
    finally:
        del stack.environment[setting]
    assert f"every user can read or change {secret}: chmod o-rwx {secret}" in log


@pytest.mark.parametrize("method", ["GET", "DELETE", "PATCH", "OPTIONS"])
def test_other_methods_are_405(stack: Stack, predictions: str, image: bytes, method: str) -> None:
    for url in (predictions, f"{stack.url}/v1/models/{stack.model()}:predict"):
        response = requests.request(method, url, data=image, timeout=60)
        assert_problem(response, 405, "method-not-allowed")
        assert response.headers["Allow"] == "POST, PUT"


@pytest.mark.parametrize(
    ("line", "status"),
    [
        ("POST /predictions/%zz HTTP/1.1", 400),
        ("POST /predictions/%00 HTTP/1.1", 400),
        ("POST * HTTP/1.1", 400),
        ("POST / HTTP/9.9", 400),
        ("POST / HTTP/1.1\r\nTransfer-Encoding: nope", 400),
        ("\x16\x03\x01", 400),
        (f"POST /{'a' * 40_000} HTTP/1.1", 414),
        (f"POST / HTTP/1.1\r\nX: {'a' * 40_000}", 431),
    ],
    ids=["hex", "nul", "star", "version", "coding", "tls", "address", "headers"],
)
def test_invalid_http_gets_a_problem_document(stack: Stack, line: str, status: int) -> None:
    with socket.create_connection(("127.0.0.1", stack.ports["GATEWAY_PORT"]), 30) as connection:
        connection.sendall(line.encode("latin-1") + b"\r\nHost: x\r\nConnection: close\r\n\r\n")
        response = b"".join(iter(lambda: connection.recv(65_536), b""))
    head, _, body = response.partition(b"\r\n\r\n")
    assert head.split()[1] == str(status).encode(), head
    assert b"application/problem+json" in head
    assert json.loads(body)["status"] == status


def test_the_gateway_serves_openapi_yaml(stack: Stack) -> None:
    response = requests.get(f"{stack.url}/openapi.yaml", timeout=10)
    assert (response.status_code, response.headers["Content-Type"]) == (200, "application/yaml")
    shipped = (CONFIG / "api" / "openapi.yaml").read_bytes()
    assert hashlib.sha256(response.content).digest() == hashlib.sha256(shipped).digest()
