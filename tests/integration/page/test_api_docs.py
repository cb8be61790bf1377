"""The OpenAPI document as the gateway's /docs shows it, in a browser."""

from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from scripts.common.http_server import serving
from scripts.common.paths import CONFIG
from scripts.container.browser import pages
from tests import browser
from tests.conftest import encoded, picture
from tests.integration.page.steps import operations

DOCUMENT = CONFIG / "api" / "openapi.yaml"


PICTURE = encoded(picture(), "PNG")


class Gateway(BaseHTTPRequestHandler):
    """The gateway's addresses that the page needs, and a picture of an explanation."""

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        asked = {"X-Asked-Path": self.path, "X-Asked-Headers": " ".join(sorted(map(str.lower, self.headers)))}
        self._send("image/png", PICTURE, asked)

    def do_GET(self) -> None:
        if self.path == "/openapi.yaml":
            self._send("application/yaml", DOCUMENT.read_bytes(), {})
        elif response := pages.respond(self.path, ["resnet-50"]):
            self._send(response.content_type, response.body.encode(), dict(response.headers))
        else:
            self._send("application/json", b'{"alive":true}', {})

    def _send(self, kind: str, body: bytes, headers: dict[str, str]) -> None:
        self.send_response(200)
        for name, value in {**headers, "Content-Type": kind, "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)


@pytest.fixture(scope="module")
def gateway() -> Iterator[str]:
    with serving(Gateway) as url:
        yield url


def test_every_operation_is_rendered_without_an_error(chromium: Browser, gateway: str) -> None:
    with browser.opened(chromium, f"{gateway}/docs") as page:
        expect(page.locator(".opblock")).to_have_count(operations(DOCUMENT), timeout=20_000)
        assert page.locator("h1,h2").first.inner_text().startswith("Image classifier")
        assert [message.text for message in page.console_messages() if message.type in ("error", "warning")] == []


def test_every_parameter_has_its_name(chromium: Browser, gateway: str) -> None:
    with browser.opened(chromium, f"{gateway}/docs") as page:
        page.locator(".opblock").first.wait_for()
        page.locator("#operations-inference-predict button.opblock-summary-control").click()
        names = page.locator("#operations-inference-predict .parameter__name")
        names.first.wait_for()
        assert names.first.inner_text().startswith("name")
        assert "" not in names.all_inner_texts()


def test_an_operation_can_be_tried_at_this_server(chromium: Browser, gateway: str) -> None:
    with browser.opened(chromium, f"{gateway}/docs") as page:
        page.locator("#operations-health-healthz button.opblock-summary-control").click()
        page.get_by_role("button", name="Try it out").click()
        page.get_by_role("button", name="Execute").click()
        expect(page.locator(".responses-inner").first).to_contain_text("alive")


def test_the_first_operation_that_is_opened_can_be_tried_and_shows_its_picture(
    chromium: Browser, gateway: str, photo: Path
) -> None:
    with browser.opened(chromium, f"{gateway}/docs#/inference/explain") as page:
        operation = page.locator("#operations-inference-explain")
        operation.get_by_role("button", name="Try it out").click()
        operation.locator("[data-param-name=name] input").fill("my-model")
        operation.locator("input[type=file]").set_input_files(photo)
        operation.locator(".response-control-media-type select").first.select_option("image/png")
        with page.expect_response("**/explanations/*") as response:
            operation.get_by_role("button", name="Execute").click()
        assert response.value.headers["x-asked-path"] == "/explanations/my-model"
        assert "x-class" not in response.value.headers["x-asked-headers"]
        shown = operation.locator(".live-responses-table img")
        shown.wait_for()
        assert shown.evaluate("node => node.decode().then(() => node.naturalWidth)") == picture().width


@pytest.mark.parametrize(("scheme", "light"), [("light", True), ("dark", False)])
def test_the_page_is_light_or_dark(chromium: Browser, gateway: str, scheme: str, light: bool) -> None:
    with browser.opened(chromium, f"{gateway}/docs", color_scheme=scheme) as page:
        page.locator(".opblock").first.wait_for()
        title = "getComputedStyle(document.querySelector('.title')).color.match(/\\d+/g)"
        ground = "getComputedStyle(document.documentElement).backgroundColor.match(/[\\d.]+/g)"
        assert (sum(map(int, page.evaluate(title))) < 3 * 128) == light
        red, green, blue, *opacity = map(float, page.evaluate(ground))
        assert (red + green + blue > 3 * 128 or opacity == [0.0]) == light
