"""The table of findings: what its rows name, their order, and the files."""

import json
from pathlib import Path

from eda.check import RULES, check
from eda.check.findings import COLUMNS, SHOWN_ROWS, sort_findings, summary, write_findings
from eda.check.rules import SEVERITIES
from eda.explore import Exploration
from eda.images import image_facts
from eda.synthetic import Sample
from tests.unit.eda.faults import add_box, copy_image, unlisted_image
from tests.unit.eda.folder import CocoFolder


def test_findings_name_what_shows_them(coco: CocoFolder) -> None:
    copy_image(coco, 1, 3)
    add_box(coco, 3, [10, 20, 40, 50])
    unlisted_image(coco)
    dataset = coco.dataset()
    findings = check(dataset, image_facts(dataset)).set_index("rule")
    rows = dataset.images.reset_index().set_index("image_id")["index"]
    assert findings.loc["leak-duplicate", "image_rows"] == (rows[3], rows[1])
    assert findings.loc["leak-duplicate", "box_rows"] == ()
    boxes = dataset.boxes.reset_index().set_index("box_id")["index"]
    assert findings.loc["box-class-conflict", "image_rows"] == (rows[1],)
    assert findings.loc["box-class-conflict", "box_rows"] == (boxes[99], boxes[10])
    assert findings.loc["photo-unlisted", "image_rows"] == ()


def test_findings_of_the_real_test_split(real: Exploration) -> None:
    findings = real.findings
    misnamed = findings[findings["rule"] == "photo-format-differs"]
    assert len(misnamed) == 28
    assert set(misnamed["message"]) == {"the content is JPEG"}
    assert "1027.png" not in set(misnamed["file_name"])
    boxes = findings[findings["rule"].str.startswith("box-")]
    # Two faces so near the camera that their goggles are four times as wide as most.
    assert list(zip(boxes["rule"], boxes["image_id"], boxes["box_id"], strict=True)) == [
        ("box-size-odd", 1015, 70),
        ("box-size-odd", 1025, 177),
    ]
    assert findings["box_id"].count() == 2
    others = findings[~findings["rule"].isin(["photo-format-differs", "box-size-odd"])]
    # 1003 and 1011 are two takes of one scene (checked by eye); 1027 is the RGBA PNG.
    assert list(zip(others["rule"], others["image_id"], others["related"], strict=True)) == [
        ("photo-near-duplicate", 1011, "test/1003"),
        # Both show one person in front of a black wall.
        ("photo-borders", 1002, ""),
        ("photo-borders", 1027, ""),
        ("photo-not-rgb", 1027, ""),
    ]


def test_findings_of_the_synthetic_sample(sample: Exploration, sample_folder: tuple[Path, Sample]) -> None:
    findings = [(row.rule, row.split, int(row.image_id)) for row in sample.findings.itertuples()]
    planted = [(fault.rule, fault.split, fault.image_id) for fault in sample_folder[1].planted]
    # One coverall is the box pushed past the edge, another is cut off by the lower edge.
    unlike = [finding for finding in findings if finding[0] == "box-aspect-odd"]
    assert len(unlike) == 2
    assert sorted(findings) == sorted([*planted, *unlike])
    leak = sample.findings[sample.findings["rule"] == "leak-near-duplicate"].iloc[0]
    assert leak["related"].startswith("train/")


def test_findings_are_sorted_by_severity(sample: Exploration) -> None:
    order = [SEVERITIES.index(severity) for severity in sample.findings["severity"]]
    assert order == sorted(order)


def test_summary(sample: Exploration) -> None:
    table = summary(sample.findings)
    assert table["findings"].sum() == len(sample.findings)
    assert set(table["rule"]) == set(sample.findings["rule"])


def test_findings_json(sample: Exploration, tmp_path: Path) -> None:
    path = tmp_path / "findings.json"
    write_findings(sample.dataset, sample.findings, path)
    document = json.loads(path.read_text(encoding="utf-8"))
    assert document["synthetic"] is True
    assert document["source"].startswith("SYNTHETIC")
    assert len(document["findings"]) == len(sample.findings)
    for entry in document["findings"]:
        assert list(entry) == list(COLUMNS)
        assert entry["severity"] == RULES[entry["rule"]].severity
        assert isinstance(entry["image_id"], int)
    boxes = [entry for entry in document["findings"] if entry["rule"] == "box-past-photo"]
    assert boxes
    assert all(isinstance(entry["box_id"], int) for entry in boxes)


def test_no_findings() -> None:
    assert list(sort_findings([]).columns) == [*COLUMNS, *SHOWN_ROWS]
    assert summary(sort_findings([])).empty
