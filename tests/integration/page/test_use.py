"""A reader of the page hands over images and sees what is in them."""

import re
from pathlib import Path

import pytest
import requests
from playwright.sync_api import Browser, Page, Route

from tests import browser
from tests.conftest import encoded, picture
from tests.integration.page.steps import as_shown, card, choose, classes, hand_over


def predicted(url: str, image: bytes) -> list[tuple[str, str]]:
    return as_shown(requests.post(url, data=image, timeout=60).json())


def test_chosen(page: Page, url: str, photo: Path) -> None:
    choose(page, photo)
    assert classes(card(page, "photo.png")) == predicted(url, photo.read_bytes())


def test_dropped(page: Page, url: str, image: bytes) -> None:
    hand_over(page, "drop", ("dropped.png", image))
    assert classes(card(page, "dropped.png")) == predicted(url, image)


def test_pasted(page: Page, url: str, image: bytes) -> None:
    hand_over(page, "paste", ("image.png", image))
    assert classes(card(page, "image.png")) == predicted(url, image)


@pytest.mark.parametrize("kind", ["drop", "paste"])
def test_what_has_no_image_is_told(page: Page, image: bytes, kind: str) -> None:
    hand_over(page, kind)
    told = page.locator("#drop").get_by_text("There was no image in it.")
    assert told.is_visible()
    assert "There was no image in it." in page.get_by_role("log").inner_text()
    hand_over(page, kind, ("image.png", image))
    assert told.is_hidden()


def test_photographed(chromium: Browser, url: str, photo: Path) -> None:
    with browser.opened(chromium, url, viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True) as page:
        assert page.get_by_text("Drop images here").is_hidden()
        with page.expect_file_chooser() as chooser:
            page.get_by_role("button", name="Take a photo").tap()
        assert chooser.value.element.get_attribute("capture") == "environment"
        chooser.value.set_files(photo)
        assert classes(card(page, "photo.png")) == predicted(url, photo.read_bytes())


def test_a_camera_is_offered_only_to_fingers(page: Page) -> None:
    assert page.get_by_role("button", name="Take a photo").count() == 0


def test_the_same_image_twice(page: Page, photo: Path) -> None:
    for number in (1, 2):
        choose(page, photo)
        page.locator("li.card").nth(number - 1).wait_for()
    assert page.locator("li.card").count() == 2


def test_time_and_request_id(page: Page, photo: Path) -> None:
    with page.expect_response("**/predictions/*") as response:
        choose(page, photo)
    found = card(page, "photo.png")
    assert re.fullmatch(r"[\d.]+ ms", found.locator(".time").inner_text())
    assert found.locator(".id").inner_text() == response.value.headers["x-request-id"]


def test_several_in_a_row(page: Page, url: str, image: bytes) -> None:
    files = [("first.png", image), ("notes.txt", b"no image"), ("third.png", image)]
    hand_over(page, "drop", *files)
    assert classes(card(page, "third.png")) == classes(card(page, "first.png")) == predicted(url, image)
    assert card(page, "notes.txt").locator(".error").is_visible()
    assert page.locator("figcaption").all_inner_texts() == [name for name, _ in files]


def test_an_error_is_a_sentence(page: Page, url: str) -> None:
    hand_over(page, "drop", ("notes.txt", b"no image"))
    problem = requests.post(url, data=b"no image", timeout=60).json()
    error = card(page, "notes.txt").locator(".error")
    assert error.locator("strong").inner_text() == f"{problem['title']}."
    detail = error.locator("p").inner_text()
    assert detail.lower().rstrip(".") == problem["detail"].lower()
    assert detail[0].isupper()
    assert detail.endswith(".")
    assert error.get_by_role("button").count() == 0  # the same image would fail again


@pytest.mark.parametrize("status", [408, 429, 503])
def test_what_may_pass_can_be_sent_again(page: Page, photo: Path, status: int) -> None:
    document = '{"type": "/problems/busy", "title": "Busy", "detail": "send it again"}'
    browser.respond_once(page, "**/predictions/*", status, document, "application/problem+json")
    choose(page, photo)
    found = card(page, "photo.png")
    assert found.locator(".error").inner_text().split("\n")[0] == "Busy."
    found.get_by_role("button", name="Try again").click()
    found.locator(".class").first.wait_for()
    assert found.locator(".error").is_hidden()


def test_a_server_that_is_gone(page: Page, photo: Path) -> None:
    page.route("**/predictions/*", lambda route: route.abort(), times=1)
    choose(page, photo)
    error = card(page, "photo.png").locator(".error")
    assert error.locator("strong").inner_text() == "The server did not respond."
    assert error.get_by_role("button", name="Try again").is_visible()


def test_a_file_that_is_gone(page: Page, photo: Path) -> None:
    gone = photo.with_name("gone.png")
    gone.write_bytes(photo.read_bytes())

    def remove(route: Route) -> None:
        gone.unlink(missing_ok=True)
        route.continue_()

    page.route("**/predictions/*", remove, times=1)
    choose(page, photo, gone)
    error = card(page, "gone.png").locator(".error")
    assert error.locator("strong").inner_text() == "This file cannot be read."


def test_torchserves_own_errors(page: Page, photo: Path) -> None:
    document = '{"code": 404, "type": "ModelNotFoundException", "message": "Model not found: x"}'
    browser.respond_once(page, "**/predictions/*", 404, document, "application/json")
    choose(page, photo)
    assert "Model not found: x." in card(page, "photo.png").locator(".error").inner_text()


@pytest.mark.parametrize(
    ("status", "body", "says"),
    [
        *((200, body, "The response cannot be read.") for body in ("<html>Log in</html>", "", "null", "{}", "[1]")),
        *((502, body, "The server responded with status 502.") for body in ("<html>Bad</html>", "null", "[]", "5")),
        (500, '{"title": 5, "type": [], "detail": [{"msg": "x"}]}', "The server responded with status 500."),
        (422, '{"title": "Odd", "detail": {"a": 1}, "message": "in words"}', "Odd."),
    ],
)
def test_what_is_no_response_of_the_server_stops_nothing(
    page: Page, image: bytes, status: int, body: str, says: str
) -> None:
    browser.respond_once(page, "**/predictions/*", status, body, "text/html")
    hand_over(page, "drop", ("first.png", image), ("second.png", image))
    assert card(page, "first.png").locator(".error strong").inner_text() == says
    card(page, "second.png").locator(".class").first.wait_for()


def test_a_token_is_asked_for_and_sent(page: Page, photo: Path) -> None:
    def guard(route: Route) -> None:
        if route.request.headers.get("authorization") == "Bearer s3cret":
            route.continue_()
        else:
            route.fulfill(status=401)

    page.route("**/predictions/*", guard)
    choose(page, photo)
    field = page.get_by_label("This server asks for a token.")
    field.fill("s3cret")
    field.press("Enter")
    card(page, "photo.png").locator(".class").first.wait_for()
    assert field.is_hidden()
    assert page.evaluate("[localStorage.length, sessionStorage.length, document.cookie]") == [0, 0, ""]
    assert "s3cret" not in page.content()


def test_an_image_that_the_browser_cannot_show_comes_from_the_server(page: Page, url: str) -> None:
    tiff = encoded(picture(240, 160), "TIFF")
    hand_over(page, "drop", ("scan.tiff", tiff))
    found = card(page, "scan.tiff")
    first, second = predicted(url, tiff)[:2]
    found.get_by_text(f"What spoke for {first[0]}").wait_for()
    shown = found.get_by_role("img", name="scan.tiff")
    assert shown.evaluate("node => node.decode().then(() => node.naturalWidth)") == 240
    assert found.get_by_role("slider").count() == 0
    assert classes(found) == predicted(url, tiff)
    found.get_by_role("button", name=second[0]).click()
    found.get_by_text(f"What spoke for {second[0]}").wait_for()


def test_an_image_that_can_be_shown_nowhere(page: Page, url: str) -> None:
    page.route("**/explanations/*", lambda route: route.fulfill(status=404, body="{}"))
    tiff = encoded(picture(), "TIFF")
    hand_over(page, "drop", ("scan.tiff", tiff))
    found = card(page, "scan.tiff")
    assert "cannot show" in found.inner_text()
    assert classes(found) == predicted(url, tiff)
