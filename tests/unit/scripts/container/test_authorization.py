"""Which calls to the management API pass, as the gateway asks over HTTP, and where the token comes from."""

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import requests

from scripts.client.management import Management
from scripts.common.errors import CommandError
from scripts.container import authorization, status
from scripts.container.authorization import CLOSED, NO_TOKEN, SEVERAL, Authorization, read_token
from scripts.container.readiness import Readiness

TOKEN = "0123456789abcdef"
BEARER = f"Bearer {TOKEN}"


@pytest.fixture
def store(tmp_path: Path) -> Path:
    return tmp_path


@pytest.mark.parametrize(
    "credentials",
    [
        "",
        "Bearer ",
        TOKEN,
        f"bearer {TOKEN}",
        f"Bearer {TOKEN} ",
        f"Bearer {TOKEN.upper()}",
        "Bearer \u00e9",
    ],
)
def test_calls_without_the_token(store: Path, credentials: str) -> None:
    for method in ("GET", "POST", "DELETE"):
        assert Authorization(TOKEN, store).refusal(method, "/models", credentials) == NO_TOKEN


def test_without_a_configured_token_management_is_closed(store: Path) -> None:
    for credentials in ("", "Bearer ", "Bearer None", BEARER):
        assert Authorization(None, store).refusal("GET", "/models", credentials) == CLOSED


def test_several_replicas_refuse_changes_alone(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(authorization, "replicas", lambda service: {"torchserve": 2}[service])
    several = Authorization(TOKEN, store, "torchserve")
    for method, address in (
        ("POST", "/models?url=x.mar"),
        ("PUT", "/models/m"),
        ("DELETE", "/models/m"),
        ("PATCH", "/models/m"),
        ("PUT", "/gateway/canary/m"),
        ("DELETE", "/gateway/canary/../../models/m"),
        ("DELETE", "/gateway/canary/%2e%2e/models/m"),
    ):
        assert several.refusal(method, address, BEARER) == SEVERAL, (method, address)
    for method, address in (("GET", "/models"), ("HEAD", "/models"), ("DELETE", "/gateway/canary/m")):
        assert several.refusal(method, address, BEARER) is None, (method, address)
    assert several.refusal("PUT", "/models/m", "") == NO_TOKEN


def test_one_replica_allows_changes(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(authorization, "replicas", lambda _: 1)
    for service in (None, "torchserve"):
        assert Authorization(TOKEN, store, service).refusal("PUT", "/models/m", BEARER) is None


def test_a_replica_that_is_away_counts(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It would come back without the change."""
    monkeypatch.setattr(authorization, "replicas", lambda _: 1)
    several = Authorization(TOKEN, store, "torchserve")
    assert several.refusal("PUT", "/models/m", BEARER, expected=2) == SEVERAL
    assert several.refusal("GET", "/models", BEARER, expected=2) is None
    with asked(several) as url:
        headers = {"X-Original-Method": "PUT", "X-Original-URI": "/models/m", "Authorization": BEARER}
        for expected, status_code in {"1": 200, "2": SEVERAL.status}.items():
            response = requests.get(url, headers=headers | {"X-Expected-Replicas": expected}, timeout=10)
            assert response.status_code == status_code


def test_replicas_are_counted_by_address(monkeypatch: pytest.MonkeyPatch) -> None:
    assert authorization.replicas("127.0.0.1") == 1
    found = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, 0)) for address in ("10.0.0.1", "10.0.0.2")]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_: found)
    assert authorization.replicas("torchserve") == 2


@contextmanager
def asked(checks: Authorization) -> Iterator[str]:
    """The address at which the gateway asks."""
    server = status.serve(Readiness(Management("http://127.0.0.1:9"), ""), checks, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/authorization"
    finally:
        server.shutdown()
        server.server_close()


def ask(
    url: str, method: str, address: str, credentials: str = BEARER, name: str = "Authorization"
) -> requests.Response:
    headers = {"X-Original-Method": method, "X-Original-URI": address, name: credentials}
    return requests.get(url, headers=headers, timeout=10)


def test_the_gateway_asks_over_http(store: Path) -> None:
    (store / "outside").mkdir()
    (store / "link.mar").symlink_to(store / "outside")
    with asked(Authorization(TOKEN, store)) as url:
        assert ask(url, "GET", "/models").status_code == 200
        assert ask(url, "GET", "/models", name="authorization").status_code == 200  # as in HTTP/2
        assert ask(url, "GET", "/models", "").status_code == 401
        refused = ask(url, "POST", "/models?url=link.mar")
        assert (refused.status_code, refused.headers["X-Problem"]) == (403, "registration-refused")
        assert "is a link" in refused.headers["X-Problem-Detail"]
        assert requests.get(url, timeout=10).status_code == 401  # the gateway's headers alone do not open it


def test_where_dns_does_not_respond_nothing_is_changed(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_: str) -> int:
        raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")

    monkeypatch.setattr(authorization, "replicas", fail)
    with asked(Authorization(TOKEN, store, "torchserve")) as url:
        assert ask(url, "PUT", "/models/m").status_code == 503
        assert ask(url, "GET", "/models").status_code == 200


@pytest.fixture
def secrets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SECRETS", str(tmp_path))
    monkeypatch.delenv("MANAGEMENT_TOKEN", raising=False)
    return tmp_path


def test_the_token_leaves_the_environment(secrets: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MANAGEMENT_TOKEN", TOKEN)
    assert read_token() == TOKEN
    assert "MANAGEMENT_TOKEN" not in os.environ
    assert read_token() is None


def test_the_token_in_a_file(secrets: Path) -> None:
    file = secrets / "management_token"
    file.write_text(f"{TOKEN}\n")
    file.chmod(0o400)
    assert read_token() == TOKEN
    for mode in (0o404, 0o402):
        file.chmod(mode)
        with pytest.raises(CommandError, match="every user can read or change management_token: chmod o-rwx"):
            read_token()


@pytest.mark.parametrize(
    "token", ["short", "0123456789abcde", "0123456789 abcdef", "0123456789abcdef\u00e9", "a" * 16 + ";"]
)
def test_an_unfit_token_is_refused(secrets: Path, monkeypatch: pytest.MonkeyPatch, token: str) -> None:
    monkeypatch.setenv("MANAGEMENT_TOKEN", token)
    with pytest.raises(CommandError, match="openssl rand -hex 32"):
        read_token()


def test_refusals_fit_into_nginx_strings() -> None:
    for refusal in (NO_TOKEN, CLOSED, SEVERAL):
        assert not set("\"'\\$") & set(refusal.slug + refusal.title + refusal.detail)
