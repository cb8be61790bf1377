"""The layouts of folders and the forms of file names, with small photos in each."""

import json
import shutil
import unicodedata
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from eda.coco import read_coco
from eda.dataset import Dataset
from eda.explore import explore
from eda.sources import read_folder
from tests.unit.eda.folder import CocoFolder


def findings(dataset: Dataset) -> list[tuple[str, str]]:
    found = explore(dataset).findings
    return list(zip(found["rule"], found["message"], strict=True))


def move(folder: Path, source: str, target: str) -> None:
    (folder / target).parent.mkdir(parents=True, exist_ok=True)
    (folder / source).rename(folder / target)


def roboflow(coco: CocoFolder) -> None:
    for split, document in coco.documents.items():
        move(coco.path, f"annotations/{split}.json", f"{split}/_annotations.coco.json")
        for image in document["images"]:
            move(coco.path, f"images/{image['file_name']}", f"{split}/{image['file_name']}")
    (coco.path / "README.dataset.txt").write_text("exported")
    for name in ("annotations", "images"):
        (coco.path / name).rmdir()


def coco_2017(coco: CocoFolder) -> None:
    for split, document in coco.documents.items():
        move(coco.path, f"annotations/{split}.json", f"annotations/instances_{split}.json")
        for name in ("captions", "person_keypoints", "panoptic"):
            (coco.path / "annotations" / f"{name}_{split}.json").write_text(json.dumps({**document, "annotations": []}))
        for image in document["images"]:
            move(coco.path, f"images/{image['file_name']}", f"{split}/{image['file_name']}")
    (coco.path / "images").rmdir()


def photos_by_split(coco: CocoFolder) -> None:
    for split, document in coco.documents.items():
        for image in document["images"]:
            move(coco.path, f"images/{image['file_name']}", f"images/{split}/{image['file_name']}")


LAYOUTS = [roboflow, coco_2017, photos_by_split]


@pytest.mark.parametrize("arrange", LAYOUTS)
def test_layout(coco: CocoFolder, arrange: Callable[[CocoFolder], None]) -> None:
    expected = coco.dataset()
    arrange(coco)
    dataset = read_folder(coco.path)
    assert dataset.splits == ["train", "test"]
    assert dataset.images.equals(expected.images)
    assert dataset.boxes.equals(expected.boxes)
    assert {rule for rule, _ in findings(dataset)} <= {"file-ignored"}
    assert dataset.files.read(3)


def test_ignored_files_are_named(coco: CocoFolder) -> None:
    coco_2017(coco)
    found = explore(read_folder(coco.path)).findings
    assert sorted(found["file_name"]) == [
        f"{name}_{split}.json" for name in ("captions", "panoptic", "person_keypoints") for split in ("test", "train")
    ]


def test_roboflow_with_an_unlisted_photo(coco: CocoFolder) -> None:
    roboflow(coco)
    coco.draw(9).save(coco.path / "train" / "stray.jpg")
    found = explore(read_folder(coco.path)).findings
    assert list(zip(found["rule"], found["file_name"], strict=True)) == [("photo-unlisted", "train/stray.jpg")]


def export(coco: CocoFolder, name: str) -> dict[str, Any]:
    """Keep only train's document, to be written to another file."""
    shutil.rmtree(coco.path / "annotations")
    for image in coco.documents["test"]["images"]:
        (coco.path / "images" / image["file_name"]).unlink()
    return coco.documents["train"]


def test_cvat(coco: CocoFolder) -> None:
    document = export(coco, "instances_default.json")
    document |= {"licenses": [{"name": "", "id": 0, "url": ""}], "info": {"description": ""}}
    for image in document["images"]:
        image |= {"license": 0, "flickr_url": "", "coco_url": "", "date_captured": 0}
    for box in document["annotations"]:
        box |= {"segmentation": [], "iscrowd": 0, "attributes": {"occluded": False}, "area": 2000.0}
    for category in document["categories"]:
        category["supercategory"] = ""
    (coco.path / "annotations").mkdir()
    (coco.path / "annotations" / "instances_default.json").write_text(json.dumps(document))
    dataset = read_folder(coco.path)
    assert (dataset.splits, len(dataset.images), len(dataset.boxes)) == (["all"], 2, 4)
    assert findings(dataset) == []


@pytest.mark.parametrize("slash", ["/", "\\"])
@pytest.mark.parametrize("prefix", ["", "1a2b3c4d-"])
def test_label_studio(coco: CocoFolder, slash: str, prefix: str) -> None:
    document = export(coco, "result.json")
    document["info"] = {"year": 2026, "description": "", "contributor": "Label Studio"}
    for number, category in enumerate(document["categories"]):
        category["id"] = number
    for box in document["annotations"]:
        box |= {"category_id": box["category_id"] - 1, "segmentation": [], "ignore": 0, "iscrowd": 0}
    for image in document["images"]:
        image["file_name"] = f"images{slash}{prefix}{image['file_name']}"
    (coco.path / "result.json").write_text(json.dumps(document))
    dataset = read_folder(coco.path)
    assert (dataset.splits, len(dataset.images), set(dataset.boxes["class_id"])) == (["all"], 2, {0, 1})
    expected = [] if slash == "/" and not prefix else ["file-name-differs"]
    assert [rule for rule, _ in findings(dataset)] == expected


def test_one_file(coco: CocoFolder) -> None:
    dataset = read_folder(coco.path / "annotations" / "test.json")
    assert dataset.images["image_id"].to_list() == [3, 4]
    assert dataset.files.read(0)


def photo_named(coco: CocoFolder, on_disk: str, name: str) -> Dataset:
    """Return the data set with one photo on disk under one name and in the annotations under another."""
    move(coco.path, "images/1.jpg", on_disk)
    coco.documents["train"]["images"][0]["file_name"] = name
    return coco.dataset()


NFC, NFD = unicodedata.normalize("NFC", "é.jpg"), unicodedata.normalize("NFD", "é.jpg")


@pytest.mark.parametrize(
    ("on_disk", "name"),
    [
        ("images/1.jpg", "1.jpg"),
        ("images/1.jpg", "images/1.jpg"),
        ("images/a/b/1.jpg", "a/b/1.jpg"),
        ("images/train/1.jpg", "1.jpg"),
        ("train/1.jpg", "1.jpg"),
        ("1.jpg", "1.jpg"),
        ("images/ 1 .jpg", " 1 .jpg"),
        (f"images/{NFD}", NFD),
        ("images/1", "1"),
    ],
)
def test_usual_names_have_no_finding(coco: CocoFolder, on_disk: str, name: str) -> None:
    dataset = photo_named(coco, on_disk, name)
    assert findings(dataset) == []
    assert dataset.files.read(0)


@pytest.mark.parametrize(
    ("on_disk", "name"),
    [
        ("images/1.jpg", "./1.jpg"),
        ("images/1.jpg", "data/images/1.jpg"),
        ("images/1.jpg", "images\\1.jpg"),
        ("images/1.jpg", ".\\1.jpg"),
        ("images/1.jpg", "1.JPG"),
        ("images/IMG_1.JPG", "img_1.jpg"),
        ("images/1.jpg", "Images/1.jpg"),
        ("images/sub/1.jpg", "1.jpg"),
        ("images/sub/1.jpg", "other/1.jpg"),
        ("images/1.jpg", "/home/me/images/1.jpg"),
        ("images/1.jpg", "C:\\data\\images\\1.jpg"),
        ("images/1.jpg", "file:///data/1.jpg"),
        ("images/1.jpg", "../images/1.jpg"),
        ("images/1.jpg", "../../elsewhere/1.jpg"),
        ("images/1.jpg", "1a2b3c4d-1.jpg"),
        (f"images/{NFD}", NFC),
        (f"images/{NFC}", NFD),
        ("images/straße.jpg", "STRASSE.jpg"),
    ],
)
def test_names_in_other_forms_are_found_with_a_finding(coco: CocoFolder, on_disk: str, name: str) -> None:
    dataset = photo_named(coco, on_disk, name)
    assert dataset.files.read(0) == (coco.path / on_disk).read_bytes()
    found = explore(dataset).findings
    assert found["rule"].to_list() == ["file-name-differs"]
    assert (coco.path / on_disk).name in found["message"].iloc[0]


@pytest.mark.parametrize("name", ["../outside.jpg", "/etc/outside.jpg", "a/../../../outside.jpg", "..\\outside.jpg"])
def test_no_file_outside_the_folder_is_read(coco: CocoFolder, name: str) -> None:
    coco.draw(1).save(coco.path.parent / "outside.jpg")
    coco.draw(1).save(coco.path.parent.parent / "outside.jpg")
    absolute = str((coco.path.parent / "outside.jpg").resolve())
    for written in (name, absolute):
        coco.documents["train"]["images"][0]["file_name"] = written
        found = explore(coco.dataset()).findings
        assert found["rule"].to_list() == ["photo-missing", "photo-unlisted"]
    assert found["message"].iloc[0].endswith("leads outside the folder")


def test_ambiguous_names_are_missing(coco: CocoFolder) -> None:
    for folder in ("a", "b"):
        (coco.path / "images" / folder).mkdir()
        shutil.copy(coco.path / "images" / "1.jpg", coco.path / "images" / folder / "1.jpg")
    (coco.path / "images" / "1.jpg").unlink()
    missing = explore(coco.dataset()).findings.iloc[0]
    assert missing["rule"] == "photo-missing"
    assert "2 files are named like it (images/a/1.jpg, images/b/1.jpg)" in missing["message"]


def test_the_longer_match_wins(coco: CocoFolder) -> None:
    for folder in ("a", "b"):
        (coco.path / "images" / folder).mkdir()
        coco.draw(len(folder) + ord(folder)).save(coco.path / "images" / folder / "1.jpg")
    (coco.path / "images" / "1.jpg").unlink()
    coco.documents["train"]["images"][0]["file_name"] = "/old/disk/B/1.jpg"
    assert coco.dataset().files.read(0) == (coco.path / "images" / "b" / "1.jpg").read_bytes()


def test_linked_photos_and_a_link_back(coco: CocoFolder) -> None:
    elsewhere = coco.path.parent / "elsewhere"
    (coco.path / "images").rename(elsewhere)
    (coco.path / "images").symlink_to(elsewhere)
    (elsewhere / "back").symlink_to(coco.path)
    assert findings(coco.dataset()) == []


@pytest.mark.parametrize("prefix", ["img_", "x/"])
def test_all_photos_missing_is_one_sentence(coco: CocoFolder, prefix: str) -> None:
    for document in coco.documents.values():
        for image in document["images"]:
            name = image["file_name"]
            image["file_name"] = f"{prefix}{name}".replace(".jpg", "_rgb.jpg")
    found = [(rule, message) for rule, message in findings(coco.dataset()) if rule != "photo-unlisted"]
    assert [rule for rule, _ in found] == ["photo-missing-all"] * 2
    wanted = f"{prefix}3_rgb.jpg"
    assert found[0][1] == f"none of 2 photos was found: “{wanted}” was looked for, there is “1.jpg”"


def test_no_photo_is_there(coco: CocoFolder) -> None:
    shutil.rmtree(coco.path / "images")
    found = findings(read_coco(coco.path))
    assert [rule for rule, _ in found] == ["photo-missing-all"] * 2
    assert found[0][1].endswith("was looked for, there is no other photo")


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
        assert "box-format-differs" not in {rule for rule, _ in findings(dataset)}


@pytest.mark.parametrize("value", [1e308, 1e12, 10**300])
def test_a_huge_box_is_left_out_and_makes_no_long_sentence(coco: CocoFolder, value: float) -> None:
    coco.box()["bbox"] = [10, 20, value, value]
    exploration = explore(coco.dataset())
    assert len(exploration.boxes) == 7
    assert exploration.findings["message"].str.len().max() < 80
