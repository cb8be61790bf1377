"""The page on every screen, in light and dark, by keyboard and read aloud; and its headers."""

from pathlib import Path
from typing import Literal

import pytest
import requests
from playwright.sync_api import Browser, Page

from tests import browser
from tests.integration.page.conftest import NAME
from tests.integration.page.steps import card, choose, hand_over

NAMED = "node => node.ariaLabel || node.labels?.[0]?.innerText || node.innerText"
FOCUSED = f"() => ({NAMED})(document.activeElement)"


def used(page: Page, image: bytes) -> None:
    """Fill a page with a card, an error and the form for a token."""
    hand_over(page, "drop", ("x" * 60 + ".png", image), ("notes.txt", b"no image"))
    card(page, "notes.txt")
    browser.respond_once(page, "**/predictions/*", 401, "", "text/plain")
    hand_over(page, "drop", ("again.png", image))
    card(page, "again.png")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_all_text_can_be_read(chromium: Browser, url: str, image: bytes, scheme: Literal["light", "dark"]) -> None:
    with browser.opened(chromium, url, color_scheme=scheme) as page:
        used(page, image)
        contrasts = page.evaluate(browser.CONTRASTS)
        assert {NAME, "Choose images", "notes.txt", "curl"} <= contrasts.keys()
        assert {text: ratio for text, ratio in contrasts.items() if ratio < 4.5} == {}
        lightness = sum(map(int, page.evaluate("getComputedStyle(document.body).backgroundColor.match(/\\d+/g)"))) / 3
        assert (lightness > 127) == (scheme == "light")


def test_bars_and_what_is_chosen_are_seen_in_forced_colours(chromium: Browser, url: str, photo: Path) -> None:
    """As in Windows' contrast themes, where pages have no backgrounds of their own."""
    with browser.opened(chromium, url, forced_colors="active") as page:
        choose(page, photo)
        page.get_by_role("slider").wait_for()
        style = "(node, name) => getComputedStyle(node)[name]"
        bar = page.locator(".fill").first
        assert bar.evaluate(style, "backgroundColor") != page.locator("body").evaluate(style, "backgroundColor")
        chosen = [page.get_by_role("button", pressed=True), page.locator("input:checked + span")]
        assert [each.evaluate(style, "outlineStyle") for each in chosen] == ["solid", "solid"]


@pytest.mark.parametrize("width", [360, 768, 1280])
def test_nothing_is_wider_than_the_screen(chromium: Browser, url: str, image: bytes, width: int) -> None:
    with browser.opened(chromium, url, viewport={"width": width, "height": 800}) as page:
        assert page.evaluate("document.documentElement.scrollWidth") == width
        used(page, image)
        for language in ("curl", "Python", "JavaScript"):
            page.get_by_text(language, exact=True).click()
            assert page.evaluate("document.documentElement.scrollWidth") == width


def test_by_keyboard_alone(page: Page, photo: Path) -> None:
    with page.expect_file_chooser() as chooser:  # around more than Enter: Playwright begins to watch without waiting
        page.keyboard.press("Tab")
        assert page.evaluate(FOCUSED) == "Choose images"
        page.keyboard.press("Enter")
    chooser.value.set_files(photo)
    card(page, "photo.png").locator(".class").first.wait_for()
    page.get_by_label("curl").focus()
    page.keyboard.press("ArrowRight")
    assert page.evaluate(FOCUSED) == "Python"
    assert "import requests" in page.locator("#program").inner_text()
    page.keyboard.press("Tab")
    assert page.evaluate(FOCUSED) == "Copy"
    page.keyboard.press("Tab")
    assert page.evaluate(FOCUSED) == "Code"


def test_what_has_the_focus_is_outlined(page: Page) -> None:
    page.keyboard.press("Tab")
    assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"


def test_predictions_and_errors_are_read_aloud(page: Page, image: bytes) -> None:
    hand_over(page, "drop", ("photo.png", image), ("notes.txt", b"no image"))
    label = card(page, "photo.png").locator(".class b").first.inner_text()
    card(page, "notes.txt")
    predicted, refused = page.get_by_role("log").inner_text().split("\n\n")
    assert predicted.startswith(f"photo.png: {label} ")
    assert refused.startswith("notes.txt: The body is not an image")


def test_every_control_has_a_name(page: Page, image: bytes) -> None:
    used(page, image)
    controls = page.locator("button:visible, input:visible, pre").all()
    assert len(controls) > 5
    assert all(control.evaluate(NAMED) for control in controls)


def test_a_picture_is_named_after_its_file(page: Page, photo: Path) -> None:
    choose(page, photo)
    assert page.get_by_role("img", name="photo.png").count() == 1


def test_head(url: str) -> None:
    browsers = {"Accept": "text/html,*/*;q=0.8"}
    got = requests.get(url, headers=browsers, timeout=30)
    head = requests.head(url, headers=browsers, timeout=30)
    assert (head.status_code, head.content) == (200, b"")
    for name in ("Content-Type", "Content-Security-Policy", "Content-Length"):
        assert head.headers[name] == got.headers[name]


@pytest.mark.parametrize("path", ["", "/1.0"])
def test_a_version_has_the_page_too(url: str, path: str) -> None:
    got = requests.get(url + path, headers={"Accept": "text/html"}, timeout=30)
    assert (got.status_code, got.headers["Content-Type"]) == (200, "text/html; charset=utf-8")
    assert f"<h1>{NAME}</h1>" in got.text


def test_curl_gets_no_page(url: str) -> None:
    assert requests.get(url, timeout=30).json()["type"] == "/problems/empty-body"
