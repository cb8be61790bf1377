"""The heat map over an image, from explanations as the API describes them."""

import json
from pathlib import Path

import pytest
import requests
from playwright.sync_api import Page, Request, Route

from handler.errors import NO_EXPLANATIONS, RequestError
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


def test_an_explanation_that_fails_leaves_the_classes(page: Page, photo: Path) -> None:
    failed = json.dumps({"type": "/problems/internal-error", "title": "x", "status": 500, "detail": "y"})
    page.route(ADDRESS, lambda route: route.fulfill(status=500, body=failed, content_type="application/problem+json"))
    with page.expect_response(ADDRESS):
        choose(page, photo)
    found = card(page, "photo.png")
    assert found.locator(".class").count() == 5
    assert found.locator(".error").is_hidden()
