"""The heat map over an image, from explanations as the API describes them."""

import json
from pathlib import Path

import pytest
import requests
from playwright.sync_api import Browser, Page, Request, Route

from handler.errors import NO_EXPLANATIONS, RequestError
from tests import browser
from tests.integration.page.conftest import NAME
from tests.integration.page.steps import card, choose

ADDRESS = "**/explanations/*"
HEAT = """canvas => {
  const at = (x, y) => [...canvas.getContext("2d").getImageData(x * canvas.width, y * canvas.height, 1, 1).data];
  return [at(0.75, 0.25), at(0.25, 0.75)];
}"""
OPACITY = """(canvas, [x, y]) => {
  const pixel = canvas.getContext("2d").getImageData(x * canvas.width, y * canvas.height, 1, 1);
  return pixel.data[3];
}"""
BOX = "node => { const {left, top, width, height} = node.getBoundingClientRect(); return [left, top, width, height]; }"


@pytest.fixture
def explained(page: Page, photo: Path) -> list[Request]:
    """The requests for explanations of an image of 240 x 160, whose top right corner spoke for each class."""
    asked = []

    def respond(route: Route) -> None:
        asked.append(route.request)
        class_id = int(route.request.headers.get("x-class", "7"))
        region = {"left": 40.0, "top": 0.0, "width": 160.0, "height": 160.0}
        document = {
            "class_id": class_id,
            "label": f"class {class_id}",
            "score": 0.5,
            "method": "class-activation-map",
            "width": 240,
            "height": 160,
            "region": region,
            "grid": [[0.0, 2.0], [-1.0, 0.0]],
        }
        route.fulfill(json=document)

    page.route(ADDRESS, respond)
    page.route("**/predictions/*", lambda route: route.fulfill(json=CLASSES))
    choose(page, photo)
    page.get_by_role("slider").wait_for()
    return asked


CLASSES = [{"class_id": 7, "label": "class 7", "score": 0.5}, {"class_id": 3, "label": "class 3", "score": 0.25}]


def test_what_spoke_for_the_class_is_bright(page: Page, explained: list[Request]) -> None:
    spoke, against = page.locator("canvas").evaluate(HEAT)
    assert spoke[3] == 255
    assert sum(spoke[:3]) > 500
    assert against[3] == 0


def test_it_lies_over_the_part_that_the_network_saw(page: Page, explained: list[Request]) -> None:
    left, top, width, height = page.locator("img").evaluate(BOX)
    expected = [left + width * 40 / 240, top, width * 160 / 240, height]
    assert page.locator("canvas").evaluate(BOX) == pytest.approx(expected, abs=0.5)


def test_the_slider_fades_it(page: Page, explained: list[Request]) -> None:
    slider = page.get_by_role("slider", name="What spoke for class 7")
    for value in ("0", "100"):
        slider.fill(value)
        opacity = page.locator("canvas").evaluate("node => getComputedStyle(node).opacity")
        assert float(opacity) == int(value) / 100


def test_another_class_can_be_explained(page: Page, explained: list[Request]) -> None:
    assert page.get_by_role("button", pressed=True).inner_text().startswith("class 7")
    page.get_by_role("button", name="class 3").click()
    page.get_by_role("slider", name="What spoke for class 3").wait_for()
    assert [request.headers.get("x-class") for request in explained] == [None, "3"]
    assert page.get_by_role("button", pressed=True).inner_text().startswith("class 3")


def test_the_class_chosen_last_counts(page: Page, explained: list[Request]) -> None:
    held: list[Route] = []
    page.route(ADDRESS, lambda route: held.append(route), times=1)  # noqa: PLW0108 - playwright marks the function
    page.get_by_role("button", name="class 3").click()
    with page.expect_response(ADDRESS):
        page.get_by_role("button", name="class 7").click()
    with page.expect_response(ADDRESS):
        held[0].fallback()
    page.evaluate("() => fetch(location.href).then((response) => response.text())")  # the late one has been read by now
    assert page.get_by_role("button", pressed=True).inner_text().startswith("class 7")


def test_the_models_own_explanations_are_drawn(page: Page, url: str, photo: Path) -> None:
    choose(page, photo)
    address = url.replace("/predictions/", "/explanations/")
    explanation = requests.post(address, data=photo.read_bytes(), timeout=60).json()
    page.get_by_role("slider", name=f"What spoke for {explanation['label']}").wait_for()
    grid = explanation["grid"]
    values = {(row, column): value for row, line in enumerate(grid) for column, value in enumerate(line)}
    most, least = max(values, key=lambda cell: values[cell]), min(values, key=lambda cell: values[cell])
    opacity = [
        page.locator("canvas").evaluate(OPACITY, [(column + 0.5) / len(grid[0]), (row + 0.5) / len(grid)])
        for row, column in (most, least)
    ]
    assert opacity[0] == 255
    assert opacity[1] < 255


def test_a_class_of_the_model_can_be_chosen(page: Page, photo: Path) -> None:
    choose(page, photo)
    page.get_by_role("slider").wait_for()
    second = page.get_by_role("button", pressed=False).filter(has=page.locator(".score")).first
    label = second.locator("b").inner_text()
    second.click()
    page.get_by_role("slider", name=f"What spoke for {label}").wait_for()


def test_a_model_without_explanations_is_asked_once(page: Page, photo: Path) -> None:
    asked = []

    def refuse(route: Route) -> None:
        asked.append(route.request)
        body = RequestError(NO_EXPLANATIONS, "x").document()
        route.fulfill(status=404, body=body, content_type="application/problem+json")

    page.route(ADDRESS, refuse)
    with page.expect_response(ADDRESS):
        choose(page, photo)
    again = photo.rename(photo.with_name("again.png"))
    choose(page, again)
    assert card(page, "again.png").locator(".class").count() == 5
    assert len(asked) == 1
    assert page.get_by_role("slider").count() == 0
    assert page.locator("canvas:visible").count() == 0


def test_addresses_without_explanations_are_not_asked_for_any(chromium: Browser, url: str, photo: Path) -> None:
    other = url.replace(f"/predictions/{NAME}", f"/v2/models/{NAME}/infer")
    with browser.opened(chromium, other) as page:
        asked: list[Request] = []
        page.on("request", lambda request: asked.append(request) if request.method == "POST" else None)
        for name in ("first.png", "second.png"):
            choose(page, photo.rename(photo.with_name(name)))
            photo = photo.with_name(name)
            card(page, name)
        assert len(asked) == 2
        assert page.locator(".missing:visible").count() == 0


BUSY = {"type": "/problems/too-many-explanations", "title": "Too many at once", "status": 429, "detail": "wait"}
SLOW = {"type": "/problems/too-much-work", "title": "It takes too long", "status": 413, "detail": "send fewer images"}


def respond(page: Page, problem: dict[str, object]) -> None:
    """Respond to the next request for an explanation."""
    status = int(str(problem["status"]))
    browser.respond_once(page, ADDRESS, status, json.dumps(problem), "application/problem+json")


@pytest.mark.parametrize(
    ("problem", "says"),
    [
        (BUSY, "No heat map: Too many at once. Choose a class to try again."),
        (SLOW, "No heat map: It takes too long. Send fewer images."),
    ],
)
def test_an_explanation_that_fails_leaves_the_classes(
    page: Page, photo: Path, problem: dict[str, object], says: str
) -> None:
    respond(page, problem)
    choose(page, photo)
    found = card(page, "photo.png")
    found.get_by_text(says, exact=True).wait_for()
    assert found.locator(".class").count() == 5
    assert found.locator(".error").is_hidden()
    assert found.get_by_role("slider").is_hidden()
    assert found.get_by_role("button", pressed=True).count() == 0
    assert f"photo.png: {says}" in page.get_by_role("log").inner_text()


def test_an_explanation_that_failed_can_be_asked_for_again(page: Page, photo: Path) -> None:
    respond(page, BUSY)
    choose(page, photo)
    found = card(page, "photo.png")
    found.get_by_text("Choose a class to try again.").wait_for()
    found.locator("button.class").first.click()
    page.get_by_role("slider").wait_for()
    assert found.get_by_text("No heat map").is_hidden()


def test_where_another_class_fails_the_heat_map_and_its_class_stay(page: Page, explained: list[Request]) -> None:
    respond(page, BUSY)
    page.get_by_role("button", name="class 3").click()
    page.get_by_text("No heat map: Too many at once. Choose a class to try again.", exact=True).wait_for()
    assert page.get_by_role("button", pressed=True).inner_text().startswith("class 7")
    assert page.get_by_role("slider", name="What spoke for class 7").is_visible()
