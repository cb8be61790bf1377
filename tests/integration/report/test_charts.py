"""Plots that can be inspected, in the browser: a point's details, light and dark, on paper and without a script."""

import re
from dataclasses import replace
from pathlib import Path
from typing import Literal

import pandas as pd
import pytest
from playwright.sync_api import Locator, Page

from eda.explore import Exploration
from eda.page import write_report
from eda.plots.charts import Look, axis, scatter_chart
from eda.plots.images import plot_resolutions
from eda.plots.palette import CLASS_PALETTE, contrast, on_dark
from eda.plots.sizes import plot_size_and_aspect
from eda.plots.style import Plot, captioned, new_figure
from eda.sections import Section
from tests.integration.report.conftest import Open

PARTS = [Section("Findings", ""), Section("Boxes", "", (plot_size_and_aspect, plot_resolutions))]
GROUND = {"light": "#ffffff", "dark": "#14171a"}


@pytest.fixture(scope="module")
def charts(sample: Exploration, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_report(sample, PARTS, tmp_path_factory.mktemp("charts"))


def first_chart(page: Page) -> Locator:
    page.locator("figcaption").nth(0).scroll_into_view_if_needed()
    chart = page.locator("[data-chart='0'][data-drawn]")
    chart.scroll_into_view_if_needed()
    return chart


def hover(page: Page) -> Locator:
    first_chart(page).locator(".mark-symbol.role-mark path").last.hover(force=True)
    hint = page.locator("#hint")
    hint.wait_for()
    return hint


def hexadecimal(colour: str) -> str:
    channels = [int(each) for each in re.findall(r"\d+", colour)[:3]]
    return "#{:02x}{:02x}{:02x}".format(*channels)


def test_a_point_shows_its_box_and_photo(open_report: Open, charts: Path) -> None:
    hint = hover(open_report(charts))
    assert re.search(r"class: \w+\s+pixels: \d+ x \d+\s+image: (train|test) \d+\s+box: \d+", hint.inner_text())
    assert str(hint.locator("img").get_attribute("src")).startswith("data:image/webp;")


def test_without_photos_a_point_shows_none(open_report: Open, sample: Exploration, tmp_path: Path) -> None:
    hint = hover(open_report(write_report(sample, PARTS, tmp_path, pixels=False)))
    assert "pixels:" in hint.inner_text()
    assert hint.locator("img").count() == 0


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_colours(open_report: Open, charts: Path, scheme: Literal["light", "dark"]) -> None:
    page = open_report(charts, color_scheme=scheme)
    chart = first_chart(page)
    colours = [point.get_attribute("fill") for point in chart.locator(".mark-symbol.role-mark path").all()[:20]]
    assert colours
    palette = {(on_dark(each) if scheme == "dark" else each).lower() for each in CLASS_PALETTE}
    assert {str(each).lower() for each in colours} <= palette
    for text in chart.locator("text").all():
        if text.text_content():
            assert contrast(hexadecimal(text.evaluate("text => getComputedStyle(text).fill")), GROUND[scheme]) >= 4.5


def test_the_scheme_may_change(open_report: Open, charts: Path) -> None:
    page = open_report(charts, color_scheme="light")
    assert first_chart(page).get_attribute("data-drawn") == "light"
    page.emulate_media(color_scheme="dark")
    page.locator("[data-chart='0'][data-drawn=dark]").wait_for()


@pytest.mark.parametrize("width", [400, 1000])
def test_mixes_that_begin_alike_differ_in_the_legend(
    open_report: Open, sample: Exploration, tmp_path: Path, width: int
) -> None:
    names = ["Coverall + Face_Shield + Gloves + Goggles", "Coverall + Face_Shield + Gloves + Mask"]
    points = pd.DataFrame({"x": [0.0, 1.0], "y": [0.0, 1.0], "mix": names, "split": ["train", "test"]})
    look = Look("mix", dict(zip(names, CLASS_PALETTE, strict=False)), shape="split")

    def draw(exploration: Exploration) -> Plot:
        chart = scatter_chart(points, axis("x", "x"), axis("y", "y"), look, ["mix"])
        return replace(captioned(exploration, "Map", "A map.", new_figure(4, 3)[0]), chart=chart)

    page = open_report(
        write_report(sample, [Section("Findings", "", (draw,))], tmp_path), viewport={"width": width, "height": 800}
    )
    chart = first_chart(page)
    labels = chart.locator(".role-legend-label text")
    assert labels.all_text_contents() == [*names, "test", "train"]
    right = chart.evaluate("chart => chart.getBoundingClientRect().right")
    assert all(label.evaluate("label => label.getBoundingClientRect().right") <= right for label in labels.all())


@pytest.mark.parametrize("width", [400, 1000])
def test_a_chart_fits_the_screen(open_report: Open, charts: Path, width: int) -> None:
    page = open_report(charts, viewport={"width": width, "height": 800})
    box = first_chart(page).locator("svg").bounding_box()
    assert box
    assert 0.5 * min(width, 900) < box["width"] <= width
    assert page.evaluate("document.documentElement.scrollWidth") == width
    for text in first_chart(page).locator(".role-legend-label text").all():
        label = text.bounding_box()
        assert label
        assert label["x"] + label["width"] <= box["x"] + box["width"]
    assert not page.locator(".charted img").first.is_visible()


def test_on_paper_it_is_a_picture(open_report: Open, charts: Path) -> None:
    page = open_report(charts)
    chart = first_chart(page)
    page.emulate_media(media="print")
    assert not chart.is_visible()
    assert page.locator(".charted img").first.is_visible()


def test_without_a_script_it_is_a_picture(open_report: Open, charts: Path) -> None:
    page = open_report(charts, java_script_enabled=False)
    assert [image.is_visible() for image in page.locator(".plot img").all()] == [True, True]
