"""The whole report on every screen, in light and dark, and on paper."""

from pathlib import Path
from typing import Literal

import pytest
from playwright.sync_api import Page

from eda.explore import Exploration, explore
from eda.page import write_report
from eda.plots.style import RC
from eda.sections import sections
from tests import browser
from tests.integration.report.conftest import Open
from tests.unit.eda.faults import change_box
from tests.unit.eda.folder import CocoFolder

NAMED = "node => node.ariaLabel || node.labels?.[0]?.innerText || node.innerText"
WIDTH = "document.documentElement.scrollWidth"


def whole_report(exploration: Exploration, folder: Path) -> Path:
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(RC, "savefig.dpi", 50)  # saves time; the size on the page stays
        return write_report(exploration, list(sections(exploration, None, "No model.", pixels=True)), folder)


@pytest.fixture(scope="module")
def whole(sample: Exploration, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return whole_report(sample, tmp_path_factory.mktemp("whole"))


def open_picture(page: Page) -> None:
    page.locator("#findings a").first.click()
    page.locator("dialog[open]").wait_for()


def lightness(page: Page) -> float:
    return sum(map(int, page.evaluate("getComputedStyle(document.body).backgroundColor.match(/\\d+/g)"))) / 3


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_all_text_can_be_read(open_report: Open, whole: Path, scheme: Literal["light", "dark"]) -> None:
    page = open_report(whole, color_scheme=scheme)
    open_picture(page)
    contrasts = page.evaluate(browser.CONTRASTS)
    assert {"Findings", "error", "Next page", "Close", "Classes in numbers"} <= contrasts.keys()
    assert {text: ratio for text, ratio in contrasts.items() if ratio < 4.5} == {}
    assert (lightness(page) > 127) == (scheme == "light")


@pytest.mark.parametrize("width", [360, 400, 1000, 1600])
def test_nothing_is_wider_than_the_screen(open_report: Open, whole: Path, width: int) -> None:
    page = open_report(whole, viewport={"width": width, "height": 800})
    assert page.evaluate(WIDTH) == width
    open_picture(page)
    dialog = page.locator("dialog[open]")
    assert dialog.evaluate("dialog => dialog.scrollWidth <= dialog.clientWidth")
    box = dialog.bounding_box()
    assert box
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= width


def test_a_file_name_has_room(open_report: Open, whole: Path) -> None:
    page = open_report(whole, viewport={"width": 1000, "height": 800})
    cell = page.locator("#findings td.file").first
    cell.evaluate(
        "cell => cell.replaceChildren(Object.assign(document.createElement('span'), {textContent: 'image-01.png'}))"
    )
    assert cell.locator("span").evaluate("span => span.getClientRects().length") == 1


def test_plots_keep_their_size_on_a_phone(open_report: Open, whole: Path) -> None:
    page = open_report(whole, viewport={"width": 400, "height": 800})
    images = page.locator("figure .plot img").all()
    assert len(images) > 15
    for image in images:
        shown, nominal = image.evaluate("image => [image.clientWidth, Number(image.getAttribute('width'))]")
        assert shown >= 0.84 * nominal
    assert page.locator(".plot").first.evaluate("plot => plot.scrollWidth > plot.clientWidth")


def test_a_pair_is_one_above_the_other_on_a_phone(open_report: Open, whole: Path) -> None:
    page = open_report(whole, viewport={"width": 400, "height": 800})
    page.select_option("[name=rule]", "leak-near-duplicate")
    open_picture(page)
    first, second = (figure.bounding_box() for figure in page.locator("#frames figure").all())
    assert first
    assert second
    assert first["y"] + first["height"] <= second["y"]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_on_paper(open_report: Open, whole: Path, scheme: Literal["light", "dark"]) -> None:
    page = open_report(whole, color_scheme=scheme, viewport={"width": 720, "height": 1000})
    page.emulate_media(media="print", color_scheme=scheme)
    assert lightness(page) == 255
    assert not page.locator("#filters, .pager, nav, dialog, button:visible, select:visible").filter(visible=True).all()
    assert page.evaluate(WIDTH) == 720
    for image in page.locator("figure .plot img").all():
        box = image.bounding_box()
        assert box
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= 720


def test_more_findings_are_printed_than_a_page_shows(open_report: Open, whole: Path, sample: Exploration) -> None:
    page = open_report(whole)
    counted = "document.querySelectorAll('#findings tbody tr').length"
    page.evaluate(f"addEventListener('beforeprint', () => window.printed = {counted})")
    page.pdf()
    assert page.evaluate("printed") == min(200, len(sample.findings)) > 50
    page.wait_for_function(f"{counted} === 50")


def test_every_control_has_a_name(open_report: Open, whole: Path) -> None:
    page = open_report(whole)
    open_picture(page)
    controls = page.locator("button, input, select, [tabindex]").all()
    assert len(controls) > 15
    assert all(control.evaluate(NAMED) for control in controls)


def test_forty_classes_with_long_names(open_report: Open, coco: CocoFolder, tmp_path: Path) -> None:
    names = [f"a class number {n} whose name somebody wrote as a whole sentence without_any_space" for n in range(40)]
    for document in coco.documents.values():
        document["categories"] = [{"id": n, "name": name} for n, name in enumerate(names)]
        for image in document["images"]:
            document["annotations"] += [
                {"id": 1000 * image["id"] + n, "image_id": image["id"], "category_id": n, "area": 80}
                | {"bbox": [n % 10 * 19, n // 10 * 25, 10, 8]}
                for n in range(image["id"], 40)
            ]
    change_box(coco, [150, 5, 6, 30])
    page = open_report(whole_report(explore(coco.dataset()), tmp_path), viewport={"width": 400, "height": 800})
    assert page.evaluate(WIDTH) == 400
    open_picture(page)
    assert page.locator("dialog[open]").evaluate("dialog => dialog.scrollWidth <= dialog.clientWidth")


def test_no_findings(open_report: Open, coco: CocoFolder, tmp_path: Path) -> None:
    exploration = explore(coco.dataset())
    assert exploration.findings.empty
    page = open_report(whole_report(exploration, tmp_path))
    assert page.get_by_text("No rule found anything.").is_visible()
    assert page.locator("#findings").count() == 0
