"""The layouts of folders, with small photos in each."""

import json
import shutil
from collections.abc import Callable
from typing import Any

import pytest

from eda.errors import DataError
from eda.explore import explore
from eda.sources import read_folder
from tests.unit.eda.folder import CocoFolder, messages_of, move


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


def keypoints(coco: CocoFolder) -> None:
    for split in coco.documents:
        move(coco.path, f"annotations/{split}.json", f"annotations/person_keypoints_{split}.json")
    photos_by_split(coco)


LAYOUTS = [roboflow, coco_2017, photos_by_split, keypoints]


@pytest.mark.parametrize("arrange", LAYOUTS)
def test_layout(coco: CocoFolder, arrange: Callable[[CocoFolder], None]) -> None:
    expected = coco.dataset()
    arrange(coco)
    dataset = read_folder(coco.path)
    assert dataset.splits == ["train", "test"]
    assert dataset.images.equals(expected.images)
    assert dataset.boxes.equals(expected.boxes)
    assert {rule for rule, _ in messages_of(dataset)} <= {"file-ignored"}
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
    assert messages_of(dataset) == []


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
    assert [rule for rule, _ in messages_of(dataset)] == expected


OTHER_JSON = {
    "info.json": {"version": 1},
    "samples.json": [{"id": 1, "data": {"image": "/data/upload/1/a.jpg"}}],
    "via_project.json": {"_via_settings": {}, "_via_img_metadata": {}},
}


def test_other_json_beside_a_whole_data_set_is_ignored(coco: CocoFolder) -> None:
    document = export(coco, "labels.json")
    (coco.path / "labels.json").write_text(json.dumps(document))
    for name, other in OTHER_JSON.items():
        (coco.path / name).write_text(json.dumps(other))
    found = explore(read_folder(coco.path)).findings
    assert list(zip(found["rule"], found["file_name"], strict=True)) == [("file-ignored", name) for name in OTHER_JSON]


@pytest.mark.parametrize("name", OTHER_JSON)
def test_only_other_json_is_refused(coco: CocoFolder, name: str) -> None:
    export(coco, name)
    (coco.path / name).write_text(json.dumps(OTHER_JSON[name]))
    with pytest.raises(DataError, match=rf"{name} has neither .*; export the annotations as COCO or YOLO\.$"):
        read_folder(coco.path)


@pytest.mark.parametrize("name", ["pets.zip", "pets.TAR.GZ", "pets.7z"])
def test_a_packed_data_set_is_to_be_unpacked(coco: CocoFolder, name: str) -> None:
    (coco.path / name).write_bytes(b"PK\x03\x04")
    with pytest.raises(DataError, match=r"is packed; unpack it and name the folder\.$"):
        read_folder(coco.path / name)


def test_a_file_in_another_format_is_to_be_exported_again(coco: CocoFolder) -> None:
    (coco.path / "annotations.xml").write_text("<annotations/>")
    with pytest.raises(DataError, match=r"; export the annotations as COCO or YOLO\.$"):
        read_folder(coco.path / "annotations.xml")


def test_a_folder_around_the_data_set_names_it(coco: CocoFolder) -> None:
    (coco.path.parent / "__MACOSX").mkdir()
    with pytest.raises(DataError, match=rf"has no annotations of its own; .* in it that have: {coco.path}\.$"):
        read_folder(coco.path.parent)


@pytest.mark.parametrize("task", ["captions", "panoptic", "stuff"])
def test_annotations_without_boxes_are_named(coco: CocoFolder, task: str) -> None:
    for split in coco.documents:
        move(coco.path, f"annotations/{split}.json", f"annotations/{task}_{split}.json")
    with pytest.raises(DataError, match=rf"{task}_test.json has no boxes"):
        read_folder(coco.path)


def test_one_file(coco: CocoFolder) -> None:
    dataset = read_folder(coco.path / "annotations" / "test.json")
    assert dataset.images["image_id"].to_list() == [3, 4]
    assert dataset.files.read(0)
