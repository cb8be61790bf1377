"""CORS_ORIGINS: which pages may call the inference API from a browser."""

from collections.abc import Iterator

import pytest
import requests

from tests.e2e.problems import assert_problem
from tests.e2e.stack import Stack

ORIGIN = "https://app.example.org"
EXPOSED = "Accept-Encoding, Allow, Inference-Header-Content-Length, Retry-After, X-Request-Id"


@pytest.fixture(scope="module")
def listing(stack: Stack) -> Iterator[str]:
    """Address of a gateway with two origins."""
    with stack.gateway("-e", f"CORS_ORIGINS={ORIGIN} http://localhost:3000") as (_, address):
        yield f"http://{address}:8080"


def preflight(url: str, origin: str, method: str = "POST") -> requests.Response:
    headers = {"Origin": origin, "Access-Control-Request-Method": method}
    return requests.options(
        url, headers={**headers, "Access-Control-Request-Headers": "content-type,x-top-k"}, timeout=10
    )


def cors(response: requests.Response) -> dict[str, str]:
    return {
        name.lower(): value for name, value in response.headers.items() if name.lower().startswith("access-control")
    }


@pytest.mark.parametrize("origin", [ORIGIN, "http://localhost:3000"])
def test_a_preflight(listing: str, origin: str) -> None:
    response = preflight(f"{listing}/predictions/any", origin)
    assert (response.status_code, response.content) == (204, b"")
    assert cors(response) == {
        "access-control-allow-origin": origin,
        "access-control-allow-methods": "POST, PUT",
        "access-control-allow-headers": "content-type,x-top-k",
        "access-control-max-age": "7200",
        "access-control-expose-headers": EXPOSED,
    }
    assert response.headers["Vary"] == "Origin"
    assert response.headers["X-Request-Id"]


def test_a_prediction(listing: str, stack: Stack, image: bytes) -> None:
    url = f"{listing}/predictions/{stack.model()}"
    response = requests.post(url, data=image, headers={"Origin": ORIGIN}, timeout=60)
    assert response.status_code == 200
    assert cors(response) == {"access-control-allow-origin": ORIGIN, "access-control-expose-headers": EXPOSED}
    assert response.headers["Vary"] == "Origin"


@pytest.mark.parametrize("route", ["predictions/missing", "predictions/..", "readyz", "nowhere"])
def test_an_error_can_be_read_too(listing: str, route: str) -> None:
    response = requests.put(f"{listing}/{route}", data=b"", headers={"Origin": ORIGIN}, timeout=10)
    assert response.status_code >= 400
    assert cors(response) == {"access-control-allow-origin": ORIGIN, "access-control-expose-headers": EXPOSED}


@pytest.mark.parametrize(
    "origin", ["https://other.example.org", "http://app.example.org", f"{ORIGIN}.evil.example", "null"]
)
def test_another_origin(listing: str, origin: str) -> None:
    response = preflight(f"{listing}/predictions/any", origin)
    assert_problem(response, 405, "method-not-allowed")
    assert cors(response) == {}


def test_every_origin(stack: Stack) -> None:
    with stack.gateway("-e", "CORS_ORIGINS=*") as (_, address):
        response = preflight(f"http://{address}:8080/predictions/any", ORIGIN)
        assert (response.status_code, cors(response)["access-control-allow-origin"]) == (204, "*")


def test_off_by_default(stack: Stack, predictions: str) -> None:
    response = preflight(predictions, ORIGIN)
    assert_problem(response, 405, "method-not-allowed")
    assert cors(response) == {}
    assert "Vary" not in response.headers


def test_management_is_closed_to_pages(stack: Stack) -> None:
    with stack.gateway("-e", "CORS_ORIGINS=*") as (_, address):
        response = preflight(f"http://{address}:8081/models", ORIGIN, "GET")
        assert not response.ok
        assert cors(response) == {}


@pytest.mark.parametrize("origins", ["example.org", f"{ORIGIN}/", "https://*.example.org", f'{ORIGIN};"', "ftp://a"])
def test_what_is_no_origin_stops_the_start(stack: Stack, origins: str) -> None:
    with pytest.raises(AssertionError, match=r"gateway: CORS_ORIGINS has .*: set \* or origins"):
        stack.compose("run", "--rm", "--no-deps", "-e", f"CORS_ORIGINS={origins}", "gateway", timeout=60)
