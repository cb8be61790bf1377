"""What the gateway shows in a browser: a model's page, the way there, and the rendered API."""

from collections.abc import Iterator

import pytest
import requests
from playwright.sync_api import Browser, expect

from scripts.common.paths import CONFIG
from tests import browser
from tests.e2e.problems import assert_problem
from tests.e2e.stack import Stack
from tests.e2e.test_gateway_routes import log_line
from tests.integration.page.steps import card, classes, hand_over, operations

HTML = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with browser.chromium() as running:
        yield running


def test_the_address_of_the_gateway_leads_to_the_models_page(
    stack: Stack, predictions: str, chromium: Browser, image: bytes, label: str
) -> None:
    with browser.opened(chromium, f"{stack.url}/") as page:
        assert page.url == predictions
        hand_over(page, "drop", ("photo.png", image))
        assert classes(card(page, "photo.png"))[0][0] == label
        assert page.locator("#program").inner_text() == f"curl -T photo.png {predictions}"


def test_the_api_is_rendered_without_an_error(stack: Stack, chromium: Browser) -> None:
    with browser.opened(chromium, f"{stack.url}/docs") as page:
        expect(page.locator(".opblock")).to_have_count(operations(CONFIG / "api" / "openapi.yaml"), timeout=20_000)
        assert page.console_messages() == []


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_a_body_does_not_make_a_page_a_prediction(predictions: str, image: bytes, method: str) -> None:
    response = requests.request(method, predictions, data=image, headers=HTML, timeout=60)
    assert (response.status_code, response.headers["Content-Type"]) == (200, "text/html; charset=utf-8")


def test_other_clients_get_no_page(stack: Stack, predictions: str) -> None:
    assert_problem(requests.get(predictions, timeout=10), 405, "method-not-allowed")
    assert_problem(requests.get(f"{stack.url}/", timeout=10), 404, "not-found")
    assert_problem(requests.post(f"{stack.url}/", headers=HTML, timeout=10), 404, "not-found")


def test_pages_have_a_route_of_their_own_in_the_metrics(stack: Stack, predictions: str) -> None:
    response = requests.get(predictions, headers={**HTML, "X-Request-Id": "a-page"}, timeout=60)
    assert response.ok
    assert log_line(stack, "a-page")["route"] == "page"


@pytest.mark.parametrize("path", ["/docs/nothing", "/docs/index.html", "/docs/a/b"])
def test_other_files_are_404(stack: Stack, path: str) -> None:
    assert_problem(requests.get(stack.url + path, timeout=10), 404, "not-found")


def test_the_api_page_is_only_read(stack: Stack) -> None:
    assert_problem(requests.post(f"{stack.url}/docs", timeout=10), 405, "method-not-allowed")
