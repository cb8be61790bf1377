"""The gateway's own pages, as the status service serves them."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from scripts.container import status
from scripts.container.authorization import Authorization
from scripts.container.browser import pages
from scripts.container.readiness import Readiness
from tests.unit.scripts.container.test_kserve import FIRST, TwoVersions


@pytest.fixture
def url(tmp_path: Path) -> Iterator[str]:
    readiness = Readiness(TwoVersions(), "http://127.0.0.1:9")
    readiness.update()
    server = status.serve(readiness, Authorization("", tmp_path), "127.0.0.1", 0)
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()


def test_the_way_leads_to_the_only_models_page(url: str) -> None:
    response = requests.get(f"{url}/page", allow_redirects=False, timeout=10)
    assert (response.status_code, response.headers["Location"]) == (302, f"/predictions/{FIRST.name}")


def test_several_models_are_listed() -> None:
    response = pages.respond("/page", ["one", "two<b>"])
    assert response
    assert (response.status, response.content_type) == (200, "text/html; charset=utf-8")
    links = dict(re.findall('<a href="(.*?)">(.*?)</a>', response.body))
    assert links == {"/predictions/one": "one", "/predictions/two%3Cb%3E": "two&lt;b&gt;", "/docs": "The API"}
    assert "unsafe" not in response.headers["Content-Security-Policy"]


def test_without_a_model_the_page_says_so() -> None:
    response = pages.respond("/page", [])
    assert response
    assert "No model is served now." in response.body


@pytest.mark.parametrize("path", ["/docs", "/docs/"])
def test_the_api_page(url: str, path: str) -> None:
    response = requests.get(url + path, timeout=10)
    assert (response.status_code, response.headers["Content-Type"]) == (200, "text/html; charset=utf-8")
    assert "unsafe" not in response.headers["Content-Security-Policy"]
    for file, kind in (
        ("swagger-ui.css", "css"),
        ("docs.css", "css"),
        ("swagger-ui-bundle.js", "javascript"),
        ("start.js", "javascript"),
    ):
        assert f"/docs/{file}" in response.text
        loaded = requests.get(f"{url}/docs/{file}", timeout=10)
        assert (loaded.status_code, loaded.headers["Content-Type"]) == (200, f"text/{kind}; charset=utf-8")


@pytest.mark.parametrize("path", ["/docs/models.html", "/docs/../status.py", "/docs/%2e%2e/status.py", "/docs/a/b"])
def test_other_files_are_not_served(url: str, path: str) -> None:
    request = requests.Request("GET", url).prepare()
    request.url = url + path  # unchanged; requests would normalise it
    with requests.Session() as session:
        assert session.send(request, timeout=10).status_code == 404
