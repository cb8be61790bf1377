import json
import re
from html.parser import HTMLParser
from pathlib import Path

import pandas as pd
import pytest

from eda.explore import Exploration, explore
from eda.page import MAX_BYTES, POLICY, write_report
from eda.sections import baselines_table, classes_table, sections
from eda.tables import column_texts, number_text, table_html
from tests.unit.eda.folder import CocoFolder


class Page(HTMLParser):
    """The links, tags and alt texts of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.links: list[str] = []
        self.policies: list[str | None] = []
        self.scripts: list[dict[str, str | None]] = []
        self.tags: dict[str, int] = {}
        self.alts: list[str] = []
        self.text = text
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags[tag] = self.tags.get(tag, 0) + 1
        attributes = dict(attrs)
        self.links += [attributes[name] or "" for name in ("src", "href") if name in attributes]
        if attributes.get("http-equiv") == "Content-Security-Policy":
            self.policies.append(attributes["content"])
        if tag == "script":
            self.scripts.append(attributes)
        if tag == "img":
            self.alts.append(attributes.get("alt") or "")


@pytest.fixture(scope="module")
def sample_report(sample: Exploration, tmp_path_factory: pytest.TempPathFactory) -> Path:
    parts = list(sections(sample, None, pixels=True))
    return write_report(sample, parts, tmp_path_factory.mktemp("report"))


@pytest.fixture(scope="module")
def page(sample_report: Path) -> Page:
    return Page(sample_report.read_text(encoding="utf-8"))


def test_page_is_self_contained(page: Page) -> None:
    assert page.links
    assert all(link.startswith(("data:image/", "#")) for link in page.links)
    assert [script.get("src") for script in page.scripts] == [None] * page.tags["script"]
    assert page.policies == [POLICY]
    assert POLICY.startswith("default-src 'none'; img-src data:;")
    styles = page.text[page.text.index("<style>") : page.text.index("</style>")]
    assert "@import" not in styles
    assert "url(" not in styles


def test_page_is_small(sample_report: Path) -> None:
    assert sample_report.stat().st_size < MAX_BYTES


def test_alt_texts(page: Page) -> None:
    assert page.tags["img"] == 18 + 5  # plots, and pictures of findings
    assert all(len(alt) > 40 for alt in page.alts)


def test_findings_are_the_first_section(page: Page) -> None:
    heads = re.findall(r"<h2[^>]*>([^<]*)</h2>", page.text)
    assert heads[0] == "Findings"
    assert "Train against test" in heads
    assert page.text.index("box-past-photo") < page.text.index("<img")


def test_synthetic_mark(page: Page) -> None:
    assert "SYNTHETIC DATA: drawn by a program" in page.text
    for table in re.findall(r"(<h3>[^<]*(?:<strong>)?[^<]*(?:</strong>)?[^<]*</h3>)\s*<p class=\"note\">", page.text):
        assert "SYNTHETIC" in table
    assert page.text.count("<strong>SYNTHETIC</strong>") == page.tags["table"]
    assert all("SYNTHETIC" in alt for alt in page.alts)


def test_findings_files(sample_report: Path, sample: Exploration) -> None:
    document = json.loads((sample_report.parent / "findings.json").read_text(encoding="utf-8"))
    table = pd.read_csv(sample_report.parent / "findings.csv")
    assert len(document["findings"]) == len(table) == len(sample.findings)
    assert list(table["rule"]) == [entry["rule"] for entry in document["findings"]]


def test_data_is_escaped(coco: CocoFolder, tmp_path: Path) -> None:
    coco.documents["train"]["categories"].append({"id": 6, "name": "<script>alert(1)</script>"})
    coco.box()["category_id"] = 6
    exploration = explore(coco.dataset())
    text = write_report(exploration, list(sections(exploration, None, pixels=True)), tmp_path).read_text(
        encoding="utf-8"
    )
    assert "<script>" not in text
    assert "&lt;script&gt;alert(1)" in text
    assert "SYNTHETIC" not in text


def test_title_is_the_data_set(coco: CocoFolder, tmp_path: Path) -> None:
    for document in coco.documents.values():
        document["categories"] = [{"id": 1, "name": "cat"}, {"id": 2, "name": "dog"}]
    coco.path.rename(coco.path.parent / "pets")
    coco.path = coco.path.parent / "pets"
    exploration = explore(coco.dataset())
    text = write_report(exploration, list(sections(exploration, None, pixels=True)), tmp_path).read_text(
        encoding="utf-8"
    )
    assert "<h1>pets, explored</h1>" in text
    assert "CPPE" not in text
    assert "Published baselines" not in text


def test_report_of_200_classes(coco: CocoFolder, tmp_path: Path) -> None:
    names = [f"class {n:03}" for n in range(200)]
    for document in coco.documents.values():
        document["categories"] = [{"id": n, "name": name} for n, name in enumerate(names)]
        document["annotations"] = [
            {"id": n, "image_id": image["id"], "category_id": n, "bbox": [n % 19 * 10, n // 20 * 10, 10, 20 + n % 7]}
            for image in document["images"]
            for n in range(image["id"], 200, image["id"])
        ]
        for box in document["annotations"]:
            box["area"] = box["bbox"][2] * box["bbox"][3]
    exploration = explore(coco.dataset())
    text = write_report(exploration, list(sections(exploration, None, pixels=True)), tmp_path).read_text(
        encoding="utf-8"
    )
    assert "class 199" in text
    assert "nan" not in text[: text.index("<img")]


def test_report_without_readable_images_or_boxes(coco: CocoFolder, tmp_path: Path) -> None:
    for path in (coco.path / "images").iterdir():
        path.write_bytes(b"not an image")
    for document in coco.documents.values():
        for box in document["annotations"]:
            box["bbox"] = [0, 0, 0, 0]
    exploration = explore(coco.dataset())
    text = write_report(exploration, list(sections(exploration, None, pixels=True)), tmp_path).read_text(
        encoding="utf-8"
    )
    assert "photo-unreadable" in text
    assert "box-not-positive" in text
    assert "Boxes that cannot be measured, listed under Findings: 8." in text
    assert "<img" in text


def test_report_of_a_single_box(coco: CocoFolder, tmp_path: Path) -> None:
    for document in coco.documents.values():
        document["annotations"] = []
    coco.documents["train"]["annotations"] = CocoFolder.boxes(1)[:1]
    exploration = explore(coco.dataset())
    text = write_report(exploration, list(sections(exploration, None, pixels=True)), tmp_path).read_text(
        encoding="utf-8"
    )
    assert "image-without-boxes" in text
    assert "there is no box of Face_Shield, Gloves, Goggles and Mask." in text
    assert "Of 1 boxes here 0 (0%) are small." in text


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.12345, "0.123"), (1234.5, "1,234"), (7.0, "7"), (float("nan"), ""), (0.00012, "0.00012")],
)
def test_number_text(value: float, text: str) -> None:
    assert number_text(value) == text


@pytest.mark.parametrize(
    ("values", "share", "texts"),
    [
        ([44.0, 52.9], False, ["44.0", "52.9"]),
        ([1234, 5], False, ["1,234", "5"]),
        ([1234.0, float("nan")], False, ["1,234", ""]),
        ([0.5, 0.12345], True, ["50.0%", "12.3%"]),
        ([0.5, 0.12345], False, ["0.5", "0.123"]),
        ([True, False], False, ["yes", "no"]),
        (["a", None], False, ["a", ""]),
    ],
)
def test_columns_have_one_form(values: list[object], share: bool, texts: list[str]) -> None:
    assert column_texts(pd.Series(values), share=share) == texts


def test_tables(real: Exploration) -> None:
    baselines = table_html(baselines_table().frame)
    assert '<th class="number">AP of small boxes</th>' in baselines
    assert '<td>Faster R-CNN R101</td><td class="number">44.0</td>' in baselines
    classes = classes_table(real)
    text = table_html(classes.frame, classes.percents)
    assert '<td>Coverall</td><td class="number">45</td><td class="number">25</td><td class="number">21.7%</td>' in text


def test_cells_are_escaped() -> None:
    assert "<td>&lt;b&gt;</td>" in table_html(pd.DataFrame({"name": ["<b>"]}))
    assert "<table>" in table_html(pd.DataFrame({"name": []}))
