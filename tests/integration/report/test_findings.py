"""The table of findings: filters, pages, links, and the picture that a row opens."""

from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
from playwright.sync_api import Locator, Page

from eda.explore import Exploration, explore
from tests.integration.report.conftest import Open, findings_report
from tests.unit.eda.faults import change_box, encode_image_again
from tests.unit.eda.folder import CocoFolder

RED, WHITE = "rgb(212, 0, 47)", "rgb(255, 255, 255)"
HOSTILE = "</script><img src=x onerror=alert(1)>"


def rows(page: Page) -> list[str]:
    return page.locator("#findings tbody tr td:first-child").all_inner_texts()


def numbers(findings: pd.DataFrame) -> list[str]:
    return [str(row + 1) for row in findings.index[:50]]


def first_of(exploration: Exploration, rule: str) -> int:
    """Return the number of the first finding of a rule."""
    return int(exploration.findings.index[exploration.findings["rule"] == rule][0]) + 1


def open_row(page: Page, number: int) -> Locator:
    page.locator(f"#finding-{number} .message").click()
    return page.locator("dialog[open]")


def lines(dialog: Locator, kind: str) -> list[str]:
    """Return the colours of the outlines of a kind of box."""
    found = dialog.locator(f"g.{kind} .line").all()
    return [str(line.evaluate("line => getComputedStyle(line).stroke")) for line in found]


@pytest.mark.parametrize(
    ("field", "column", "value"),
    [("severity", "severity", "warning"), ("rule", "rule", "box-tiny"), ("split", "split", "test")],
)
def test_filter(page: Page, sample: Exploration, field: str, column: str, value: str) -> None:
    wanted = sample.findings[sample.findings[column] == value]
    page.select_option(f"[name={field}]", value)
    assert rows(page) == numbers(wanted)
    assert page.locator("#count").inner_text() == f"{len(wanted)} of {len(sample.findings)} findings"


def test_filter_by_class(page: Page, sample: Exploration) -> None:
    names = sample.dataset.boxes["category"]
    wanted = sample.findings[sample.findings["box_rows"].map(lambda rows: "Mask" in set(names.loc[list(rows)]))]
    option = page.locator("[name=class] option", has_text="Mask")
    assert option.inner_text() == f"Mask ({len(wanted)})"
    page.select_option("[name=class]", option.get_attribute("value"))
    assert rows(page) == numbers(wanted)


def test_filter_by_text(page: Page, sample: Exploration) -> None:
    page.get_by_label("Text").fill("150.JPG  Tiny")
    wanted = sample.findings["file_name"].eq("150.jpg") & sample.findings["rule"].eq("box-tiny")
    assert wanted.any()
    assert rows(page) == numbers(sample.findings[wanted])


def test_filters_together_and_cleared(page: Page, sample: Exploration) -> None:
    page.select_option("[name=severity]", "error")
    page.get_by_label("Text").fill("no such text")
    assert rows(page) == []
    assert page.get_by_role("status").inner_text().startswith("0 of ")
    page.get_by_role("button", name="Clear").click()
    assert rows(page) == numbers(sample.findings)


def test_a_rule_of_the_summary_filters(page: Page, sample: Exploration) -> None:
    page.locator("a[href='#rule-box-tiny']").click()
    assert rows(page) == numbers(sample.findings[sample.findings["rule"] == "box-tiny"])


def test_pages(page: Page, sample: Exploration) -> None:
    assert len(sample.findings) > 50
    page.get_by_role("button", name="Next page").click()
    assert rows(page)[0] == "51"
    page.get_by_role("button", name="Previous page").click()
    assert rows(page)[0] == "1"
    assert page.get_by_role("button", name="Previous page").is_disabled()


def test_of_ten_thousand_findings_only_a_page_is_in_the_document(
    open_report: Open, sample: Exploration, tmp_path: Path
) -> None:
    many = pd.concat([sample.findings] * (10_000 // len(sample.findings) + 1), ignore_index=True).head(10_000)
    page = open_report(findings_report(replace(sample, findings=many), tmp_path))
    assert page.locator("#count").inner_text() == "10,000 of 10,000 findings"
    assert page.locator("#findings tbody tr").count() == 50
    seconds = page.evaluate("""() => {
        const field = document.querySelector("[name=text]");
        const start = performance.now();
        for (const text of ["b", "bo", "box"]) {
            field.value = text;
            field.dispatchEvent(new Event("input", {bubbles: true}));
        }
        return (performance.now() - start) / 1000;
    }""")
    assert page.locator("#findings tbody tr").count() == 50
    assert seconds < 2


def test_a_row_opens_its_picture(page: Page, sample: Exploration) -> None:
    number = first_of(sample, "box-tiny")
    dialog = open_row(page, number)
    assert dialog.locator("h3").inner_text().startswith(f"warning {number}. ")
    assert lines(dialog, "named") == [RED]
    assert set(lines(dialog, "other")) == {WHITE}
    named = sample.findings.loc[number - 1, "box_rows"][0]
    assert dialog.locator(".name.named").inner_text() == sample.dataset.boxes.loc[named, "category"]
    assert dialog.locator("svg image").get_attribute("href").startswith("data:image/webp;")  # type: ignore[union-attr]
    assert page.url.endswith(f"#finding-{number}")


def test_the_named_box_is_where_it_is_annotated(page: Page, sample: Exploration) -> None:
    number = first_of(sample, "box-tiny")
    dialog = open_row(page, number)
    box = sample.dataset.boxes.loc[sample.findings.loc[number - 1, "box_rows"][0]]
    frame = sample.images.loc[sample.findings.loc[number - 1, "image_rows"][0]]
    photo, drawn = (dialog.locator(each).first.bounding_box() for each in ("svg image", "g.named .line"))
    assert photo
    assert drawn
    assert (drawn["x"] - photo["x"]) / photo["width"] == pytest.approx(box["x"] / frame["frame_width"], abs=0.01)
    assert (drawn["y"] - photo["y"]) / photo["height"] == pytest.approx(box["y"] / frame["frame_height"], abs=0.01)
    assert drawn["width"] / photo["width"] == pytest.approx(box["w"] / frame["frame_width"], abs=0.02)


def test_a_pair_is_side_by_side(page: Page, sample: Exploration) -> None:
    dialog = open_row_of(page, sample, "leak-near-duplicate")
    first, second = (figure.bounding_box() for figure in dialog.locator("figure").all())
    assert first
    assert second
    assert first["y"] == second["y"]
    assert first["x"] + first["width"] < second["x"]


def open_row_of(page: Page, sample: Exploration, rule: str) -> Locator:
    page.select_option("[name=rule]", rule)
    return open_row(page, first_of(sample, rule))


def test_both_boxes_of_a_pair_are_red(page: Page, sample: Exploration) -> None:
    assert lines(open_row_of(page, sample, "box-duplicate"), "named") == [RED, RED]


def test_by_keyboard(page: Page, sample: Exploration) -> None:
    page.select_option("[name=rule]", "box-tiny")
    numbers_shown = rows(page)
    total = int(sample.findings["rule"].eq("box-tiny").sum())
    page.locator(f"#finding-{numbers_shown[0]} a").focus()
    page.keyboard.press("Enter")
    dialog = page.locator("dialog[open]")
    dialog.wait_for()
    assert dialog.locator("#step").inner_text() == f"1 of {total}"
    page.keyboard.press("ArrowRight")
    assert page.url.endswith(f"#finding-{numbers_shown[1]}")
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("ArrowLeft")
    assert dialog.locator("#step").inner_text() == f"1 of {total}"
    page.get_by_role("button", name="Next", exact=True).click()
    page.keyboard.press("Escape")
    assert page.locator("dialog[open]").count() == 0
    assert page.evaluate("document.activeElement.textContent") == numbers_shown[1]
    assert "#" not in page.url
    assert rows(page) == numbers_shown


def test_link_to_a_finding(open_report: Open, report: Path, sample: Exploration) -> None:
    number = int(sample.findings.index[sample.findings["image_rows"].map(len).gt(0)][-1]) + 1
    page = open_report(report, f"#finding-{number}")
    assert f" {number}. " in page.locator("dialog[open] h3").inner_text()
    page.keyboard.press("Escape")
    assert str(number) in rows(page)
    page.evaluate("location.hash = '#finding-1'")
    page.locator("dialog[open] h3", has_text=" 1. ").wait_for()


def test_a_finding_without_an_image_opens_nothing(open_report: Open, coco: CocoFolder, tmp_path: Path) -> None:
    coco.draw(9).save(coco.path / "images" / "stray.jpg")
    page = open_report(findings_report(explore(coco.dataset()), tmp_path), "#finding-1")
    assert page.locator("#finding-1 a").count() == 0
    page.locator("#finding-1 .message").click()
    assert page.locator("dialog[open]").count() == 0


def test_without_photos_boxes_are_on_an_empty_frame(open_report: Open, sample: Exploration, tmp_path: Path) -> None:
    page = open_report(findings_report(sample, tmp_path, pixels=False))
    dialog = open_row_of(page, sample, "box-tiny")
    assert dialog.locator("svg image").count() == 0
    assert lines(dialog, "named") == [RED]
    assert "photo not shown" in dialog.locator("figcaption").inner_text()
    assert dialog.get_by_role("img").get_attribute("aria-label").startswith("Empty frame")  # type: ignore[union-attr]


def test_hostile_names_are_text(open_report: Open, coco: CocoFolder, tmp_path: Path) -> None:
    for document in coco.documents.values():
        document["categories"][0]["name"] = HOSTILE
    change_box(coco, [10, 20, 7, 50])
    page = open_report(findings_report(explore(coco.dataset()), tmp_path))
    assert page.locator("[name=class] option").nth(1).inner_text() == f"{HOSTILE} (1)"
    assert open_row(page, 1).locator(".name.named").inner_text() == HOSTILE
    assert page.locator("img[src=x]").count() == 0


def test_photos_of_a_pair_are_different(open_report: Open, coco: CocoFolder, tmp_path: Path) -> None:
    encode_image_again(coco, 1, 3)
    page = open_report(findings_report(explore(coco.dataset()), tmp_path), "#finding-1")
    found = page.locator("dialog[open] svg image").all()
    assert len({image.get_attribute("href") for image in found}) == 2


def test_without_a_script_the_first_findings_are_there(open_report: Open, report: Path) -> None:
    page = open_report(report, java_script_enabled=False)
    assert rows(page) == [str(n + 1) for n in range(50)]
    assert not page.locator("#filters").is_visible()
