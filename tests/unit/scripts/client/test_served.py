"""The only model of a server."""

import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler

import pytest

from scripts.client.served import only_model
from scripts.common.errors import CommandError
from scripts.common.http_server import serving


@pytest.fixture
def models() -> list[str]:
    return ["resnet-50"]


@pytest.fixture
def gateway(models: list[str]) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200 if self.path == "/v1/models" else 404)
            self.end_headers()
            self.wfile.write(json.dumps({"models": models}).encode())

    with serving(Handler) as url:
        yield url


def test_the_only_model_of_the_gateway(gateway: str) -> None:
    assert only_model(gateway) == "resnet-50"


def test_several_models(gateway: str, models: list[str]) -> None:
    models.append("other")
    with pytest.raises(CommandError, match="serves resnet-50, other: name one with --name"):
        only_model(gateway)


def test_no_model(gateway: str, models: list[str]) -> None:
    models.clear()
    with pytest.raises(CommandError, match="serves no model"):
        only_model(gateway)


def test_no_server() -> None:
    with pytest.raises(CommandError, match=r"no inference API responds at http://127\.0\.0\.1:9: start the server"):
        only_model("http://127.0.0.1:9")
