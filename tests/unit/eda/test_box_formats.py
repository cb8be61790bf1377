"""Boxes that are not in COCO's format."""

from collections.abc import Callable
from pathlib import Path

import pytest

from eda.coco import read_coco
from eda.explore import explore
from tests.unit.eda.folder import CocoFolder, messages_of


@pytest.mark.parametrize(
    ("convert", "words"),
    [
        (lambda x, y, w, h: [x, y, x + w, y + h], "corners: x1, y1, x2, y2"),
        (lambda x, y, w, h: [x + w / 2, y + h / 2, w, h], "a centre, a width and a height"),
        (lambda x, y, w, h: [x / 200, y / 120, w / 200, h / 120], "shares of the photo's size"),
        (lambda x, y, w, h: [(x + w / 2) / 200, (y + h / 2) / 120, w / 200, h / 120], "shares of the photo's size"),
        (lambda x, y, w, h: [x / 200, y / 120, (x + w) / 200, (y + h) / 120], "shares of the photo's size"),
    ],
    ids=["corners", "centres", "shares", "YOLO", "shares of corners"],
)
@pytest.mark.parametrize("area", [None, "kept"])
def test_other_box_formats_are_one_line(
    coco: CocoFolder, convert: Callable[..., list[float]], words: str, area: str | None
) -> None:
    for document in coco.documents.values():
        document["annotations"] += [box | {"id": box["id"] + 5} for box in document["annotations"]]
        for number, box in enumerate(document["annotations"]):
            x, y, w, h = (50 + 5 * number, 12 + number, 90, 95)
            box |= {"bbox": convert(x, y, w, h), "area": w * h if area else None}
    exploration = explore(coco.dataset())
    found = exploration.findings[~exploration.findings["rule"].eq("box-area-missing")]
    assert found["rule"].to_list() == ["box-format-differs"] * 2
    assert words in found["message"].iloc[0]
    assert exploration.boxes.empty
    assert exploration.excluded_boxes == 16


def test_coco_boxes_are_not_taken_for_another_format(coco: CocoFolder, real_folder: Path) -> None:
    for dataset in (coco.dataset(), read_coco(real_folder)):
        assert "box-format-differs" not in {rule for rule, _ in messages_of(dataset)}


@pytest.mark.parametrize("value", [1e308, 1e12, 10**300])
def test_a_huge_box_is_left_out_and_makes_no_long_sentence(coco: CocoFolder, value: float) -> None:
    coco.box()["bbox"] = [10, 20, value, value]
    exploration = explore(coco.dataset())
    assert len(exploration.boxes) == 7
    assert exploration.findings["message"].str.len().max() < 80
