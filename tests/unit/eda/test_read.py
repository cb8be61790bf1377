"""COCO files as programs write them: each row of ../shared/cases/eda.md about JSON, numbers, texts and classes."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from eda.coco import read_coco
from eda.errors import DataError
from eda.explore import explore
from eda.sections import sections
from tests.unit.eda.folder import CocoFolder


def rules(coco: CocoFolder) -> list[str]:
    return [rule for rule, _, _ in coco.rules()]


def messages(coco: CocoFolder) -> dict[str, str]:
    findings = explore(coco.dataset()).findings
    return dict(zip(findings["rule"], findings["message"], strict=True))


@pytest.mark.parametrize("info", ["made by a converter", ["a", "list"], 7, None, {}, {"description": None}])
def test_info_of_any_kind(coco: CocoFolder, info: object) -> None:
    for document in coco.documents.values():
        document["info"] = info
    assert not coco.dataset().synthetic
    assert rules(coco) == []


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_encodings(coco: CocoFolder, encoding: str) -> None:
    coco.documents["train"]["categories"][0]["name"] = "Überzug"
    text = json.dumps(coco.documents["train"], ensure_ascii=False)
    (coco.path / "annotations" / "train.json").write_bytes(text.encode(encoding))
    assert "Überzug" in read_coco(coco.path).classes


def test_latin_1_is_named(coco: CocoFolder) -> None:
    coco.documents["train"]["categories"][0]["name"] = "Überzug"
    text = json.dumps(coco.documents["train"], ensure_ascii=False)
    (coco.path / "annotations" / "train.json").write_bytes(text.encode("latin-1"))
    with pytest.raises(DataError, match=r"train\.json is not JSON in UTF-8 or UTF-16"):
        read_coco(coco.path)


def test_deep_nesting_is_one_sentence(coco: CocoFolder) -> None:
    (coco.path / "annotations" / "train.json").write_text("[" * 100_000 + "]" * 100_000)
    with pytest.raises(DataError, match="nested too deeply"):
        read_coco(coco.path)


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
    assert set(rules(coco)) <= {"number-as-text"}


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
    assert rules(coco) == []


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
    assert messages(coco)["box-area-differs"] == "area no number, width times height 2000"


def test_bbox_may_be_absent(coco: CocoFolder) -> None:
    del coco.box()["bbox"]
    assert coco.rules() == [("box-not-numbers", 1, 10)]


@pytest.mark.parametrize("text", ["a\0b.jpg", "a\ud800b.jpg", "\udcff.jpg", "a\nb.jpg", "\x1b[31m.jpg", "\u202e.jpg"])
def test_odd_characters_in_a_file_name_are_a_finding(coco: CocoFolder, tmp_path: Path, text: str) -> None:
    coco.documents["train"]["images"][0]["file_name"] = text
    exploration = explore(coco.dataset())
    assert exploration.findings["rule"].to_list() == ["photo-missing", "photo-unlisted"]
    name = exploration.findings["file_name"].iloc[0]
    assert name.encode()
    assert name.isprintable()


def test_odd_characters_in_a_class_name(coco: CocoFolder) -> None:
    for document in coco.documents.values():
        document["categories"][0]["name"] = "ma\ud800sk\n$x^{$ _"
    exploration = explore(coco.dataset())
    assert exploration.boxes["class_name"].iloc[0] == r"ma\ud800sk\n$x^{$ _"
    for part in sections(exploration, None, pixels=False):
        for draw in part.plots:
            plot = draw(exploration)
            assert plot is None or plot.encoded()


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
    assert messages(coco)["box-area-missing"].startswith("4 of them, such as box ")


MASKS: list[Any] = [[[10, 20, 50, 20, 50, 70]], {"counts": [0, 9], "size": [3, 3]}]


@pytest.mark.parametrize("mask", MASKS)
@pytest.mark.parametrize("area", [1, 1000.5, 2000])
def test_the_area_of_a_mask_may_be_smaller_than_its_box(coco: CocoFolder, mask: object, area: float) -> None:
    coco.box().update({"segmentation": mask, "area": area})
    assert rules(coco) == []


@pytest.mark.parametrize(("mask", "area"), [(MASKS[0], 2002), (MASKS[0], -5), ([], 1000), (None, 1000)])
def test_other_areas_are_a_finding(coco: CocoFolder, mask: object, area: float) -> None:
    coco.box().update({"segmentation": mask, "area": area})
    assert rules(coco) == ["box-area-differs"]


def rename(coco: CocoFolder, names: list[str]) -> None:
    for document in coco.documents.values():
        document["categories"] = [{"id": n + 1, "name": name} for n, name in enumerate(names)]


@pytest.mark.parametrize(
    "names",
    [
        ["coverall", "face_shield", "gloves", "goggles", "mask"],
        ["Coverall", "Face Shield", "Gloves", "Goggles", "Mask"],
        ["Coverall", "Face_Shield", "Gloves", "Goggles", "Mask", "Boot"],
        [" Coverall", "Face_Shield "],
        ["安全帽", "人"],
    ],
)
def test_classes_keep_their_names(coco: CocoFolder, names: list[str]) -> None:
    rename(coco, names)
    dataset = coco.dataset()
    assert dataset.classes == tuple(names)
    assert not dataset.is_cppe5
    assert rules(coco) == []
    assert len(explore(dataset).boxes) == 8


@pytest.mark.parametrize(
    "pair", [("Mask", "mask"), ("Face Shield", "Face_Shield"), ("face-shield", "Face  Shield"), ("Mask", "Mask ")]
)
def test_names_that_differ_only_in_spelling(coco: CocoFolder, pair: tuple[str, str]) -> None:
    coco.documents["train"]["categories"] = [{"id": 1, "name": pair[0]}, {"id": 2, "name": "Hat"}]
    coco.documents["test"]["categories"] = [{"id": 1, "name": pair[1]}, {"id": 2, "name": "Hat"}]
    assert set(coco.dataset().classes) == {*pair, "Hat"}
    assert rules(coco) == ["category-name-similar"]


def test_one_id_with_two_names_counts_for_neither(coco: CocoFolder) -> None:
    coco.documents["train"]["categories"][4]["id"] = 1  # Mask and Coverall
    exploration = explore(coco.dataset())
    found = exploration.findings.groupby("rule")["message"].agg(list)
    assert found["category-id-repeated"] == ["category 1 is “Coverall” and “Mask”"]
    assert found["box-class-unknown"] == ["category “Coverall or Mask”"] * 2
    in_train = exploration.boxes[exploration.boxes["split"] == "train"]
    assert set(in_train["class_name"]) == {"Face_Shield"}


def test_one_name_with_two_ids_is_one_class(coco: CocoFolder) -> None:
    coco.documents["train"]["categories"].append({"id": 9, "name": "Coverall"})
    coco.box()["category_id"] = 9
    assert rules(coco) == ["category-name-repeated"]
    assert coco.dataset().boxes["class_id"].iloc[0] == 0


def test_roboflow_project_is_no_class(coco: CocoFolder) -> None:
    for document in coco.documents.values():
        for category in document["categories"]:
            category["supercategory"] = "ppe"
        document["categories"].insert(0, {"id": 0, "name": "ppe", "supercategory": "none"})
    assert coco.dataset().is_cppe5
    coco.box()["category_id"] = 0
    assert "ppe" in coco.dataset().classes


def test_class_named_all(coco: CocoFolder) -> None:
    rename(coco, ["all", "none"])
    exploration = explore(coco.dataset())
    plots = [draw(exploration) for part in sections(exploration, None, pixels=False) for draw in part.plots]
    assert all(plot is None or "nan" not in plot.caption for plot in plots)


def test_100_000_boxes_are_read_in_seconds(tmp_path: Path) -> None:
    import time

    folder = tmp_path / "large"
    (folder / "annotations").mkdir(parents=True)
    document = {
        "images": [{"id": n, "file_name": f"{n}.jpg", "width": 640, "height": 480} for n in range(20_000)],
        "annotations": [
            {"id": n, "image_id": n // 5, "category_id": n % 80, "bbox": [1, 2, 30, 40], "area": 1200, "iscrowd": 0}
            for n in range(100_000)
        ],
        "categories": [{"id": n, "name": f"class {n}"} for n in range(80)],
    }
    (folder / "annotations" / "train.json").write_text(json.dumps(document))
    start = time.process_time()
    dataset = read_coco(folder)
    assert len(dataset.boxes) == 100_000
    assert time.process_time() - start < 20
