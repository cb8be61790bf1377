"""Numbers, flags, boxes and areas as programs write them: each row of ../shared/cases/eda.md about them."""

from collections.abc import Callable
from typing import Any

import pytest

from eda.coco import read_coco
from eda.errors import DataError
from eda.explore import explore
from tests.unit.eda.folder import CocoFolder

NUMBERS: list[tuple[str, str]] = [("images", "id"), ("images", "width"), ("images", "height")]

NUMBERS += [("annotations", "id"), ("annotations", "image_id"), ("annotations", "category_id"), ("categories", "id")]


@pytest.mark.parametrize(("part", "field"), NUMBERS)
@pytest.mark.parametrize("write", [str, float, lambda n: f" {n} ", lambda n: f"{n}.0"], ids=["7", "7.0", "spaces", "x"])
def test_whole_numbers_in_other_forms_are_read(
    coco: CocoFolder, part: str, field: str, write: Callable[[int], Any]
) -> None:
    expected = coco.dataset()
    for entry in coco.documents["train"][part]:
        entry[field] = write(entry[field])
    dataset = coco.dataset()
    assert dataset.images.equals(expected.images)
    assert dataset.boxes.equals(expected.boxes)
    assert set(coco.rule_names()) <= {"number-as-text"}


@pytest.mark.parametrize(("part", "field"), NUMBERS)
@pytest.mark.parametrize("value", [2**63, 2**63 + 5, -(2**63) - 1, 2**64, 10**400, "9223372036854775808", 1e300])
def test_numbers_beyond_64_bits_are_one_sentence(coco: CocoFolder, part: str, field: str, value: object) -> None:
    coco.documents["train"][part][0][field] = value
    with pytest.raises(DataError, match=rf"{part}\[0\]: '{field}' is .*64 bits") as caught:
        coco.dataset()
    assert len(str(caught.value)) < 400


@pytest.mark.parametrize(("part", "field"), NUMBERS)
@pytest.mark.parametrize("value", [True, None, "one", "", 7.5, "7.5", [7], {}, "NaN"])
def test_no_whole_number_is_one_sentence(coco: CocoFolder, part: str, field: str, value: object) -> None:
    coco.documents["train"][part][0][field] = value
    with pytest.raises(DataError, match=rf"{part}\[0\]: '{field}' is .*expected int") as caught:
        coco.dataset()
    assert "\n" not in str(caught.value)


def test_ids_up_to_64_bits_are_kept(coco: CocoFolder) -> None:
    image, box = coco.documents["train"]["images"][0], coco.box()
    image["id"], box["image_id"], box["id"] = 2**63 - 1, 2**63 - 1, -(2**63)
    coco.box(1)["image_id"] = 2**63 - 1
    dataset = coco.dataset()
    assert dataset.images["image_id"].iloc[0] == 2**63 - 1
    assert dataset.boxes["box_id"].iloc[0] == -(2**63)
    assert coco.rule_names() == []


@pytest.mark.parametrize("digits", ["9" * 5000, "-" + "9" * 5000])
def test_numbers_of_5000_digits(coco: CocoFolder, digits: str) -> None:
    path = coco.path / "annotations" / "train.json"
    whole = path.read_text()
    path.write_text(whole.replace('"bbox": [10,', f'"bbox": [{digits},', 1))
    findings = explore(read_coco(coco.path)).findings
    assert findings["rule"].to_list() == ["box-not-numbers"]
    path.write_text(whole.replace('"id": 1,', f'"id": {digits},', 1))
    with pytest.raises(DataError, match="64 bits"):
        read_coco(coco.path)


@pytest.mark.parametrize("value", [10**400, -(10**400), float("inf"), float("nan"), "10", None, True])
@pytest.mark.parametrize("position", range(4))
def test_box_values_that_are_no_numbers(coco: CocoFolder, value: object, position: int) -> None:
    coco.box()["bbox"][position] = value
    assert coco.rules() == [("box-not-numbers", 1, 10)]


def test_area_beyond_floats(coco: CocoFolder) -> None:
    coco.box()["area"] = 10**400
    assert coco.rules() == [("box-area-differs", 1, 10)]
    assert coco.messages()["box-area-differs"] == "area no number, width times height 2000"


def test_bbox_may_be_absent(coco: CocoFolder) -> None:
    del coco.box()["bbox"]
    assert coco.rules() == [("box-not-numbers", 1, 10)]


@pytest.mark.parametrize("flag", ["iscrowd", "ignore"])
@pytest.mark.parametrize(
    ("value", "set_aside", "noted"),
    [(0, False, False), (1, True, False), (False, False, False), (True, True, False), (None, False, False)]
    + [(text, False, True) for text in ("0", "0.0", "false", "False", " no ", "", "None", "maybe")]
    + [(text, True, True) for text in ("1", "1.0", "true", "TRUE", "yes")],
)
def test_flags(coco: CocoFolder, flag: str, value: object, set_aside: bool, noted: bool) -> None:
    coco.box()[flag] = value
    assert coco.dataset().boxes["set_aside"].iloc[0] == set_aside
    expected = [("box-flag-odd", 1, 10)] if noted else []
    assert sorted(coco.rules()) == sorted([*expected, *([("box-set-aside", 1, 10)] if set_aside else [])])


@pytest.mark.parametrize("flag", ["iscrowd", "ignore"])
def test_crowds_are_left_out_of_the_statistics(coco: CocoFolder, flag: str) -> None:
    coco.box()[flag] = 1
    exploration = explore(coco.dataset())
    assert len(exploration.boxes) == 7
    assert exploration.excluded_boxes == 0
    assert exploration.set_aside_boxes == 1
    assert exploration.images["n_boxes"].to_list() == [1, 2, 2, 2]


def test_one_box_without_an_area(coco: CocoFolder) -> None:
    del coco.box()["area"]
    assert coco.rules() == [("box-area-missing", 1, 10)]
    assert coco.dataset().boxes["area"].iloc[0] == 2000


def test_no_box_with_an_area_is_one_finding_for_a_split(coco: CocoFolder) -> None:
    for document in coco.documents.values():
        for box in document["annotations"]:
            box["area"] = None
    assert coco.rules() == [("box-area-missing", None, None)] * 2
    assert coco.dataset().boxes["area"].eq(2000).all()
    assert coco.messages()["box-area-missing"].startswith("4 of them, such as box ")


MASKS: list[Any] = [[[10, 20, 50, 20, 50, 70]], {"counts": [0, 9], "size": [3, 3]}]


@pytest.mark.parametrize("mask", MASKS)
@pytest.mark.parametrize("area", [1, 1000.5, 2000])
def test_the_area_of_a_mask_may_be_smaller_than_its_box(coco: CocoFolder, mask: object, area: float) -> None:
    coco.box().update({"segmentation": mask, "area": area})
    assert coco.rule_names() == []


@pytest.mark.parametrize(("mask", "area"), [(MASKS[0], 2002), (MASKS[0], -5), ([], 1000), (None, 1000)])
def test_other_areas_are_a_finding(coco: CocoFolder, mask: object, area: float) -> None:
    coco.box().update({"segmentation": mask, "area": area})
    assert coco.rule_names() == ["box-area-differs"]
