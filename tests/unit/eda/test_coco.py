import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from eda.coco import read_coco
from eda.cppe5 import CLASS_NAMES
from eda.errors import DataError
from eda.explore import Exploration
from tests.unit.eda.folder import CocoFolder


def test_two_splits(coco: CocoFolder) -> None:
    dataset = coco.dataset()
    assert dataset.splits == ["train", "test"]
    assert sorted(dataset.images["image_id"]) == [1, 2, 3, 4]
    assert len(dataset.boxes) == 8
    assert set(dataset.boxes["class_id"]) == {0, 1}
    first = dataset.boxes[dataset.boxes["box_id"] == 11].iloc[0]
    assert (first.category, first.x, first.y, first.w, first.h, first.area) == (
        "Face_Shield",
        100,
        20,
        40,
        50,
        2000,
    )
    assert not dataset.synthetic


@pytest.mark.parametrize("first_id", [0, 1, 7])
def test_categories_map_by_name(coco: CocoFolder, first_id: int) -> None:
    for document in coco.documents.values():
        document["categories"] = [{"id": first_id + i, "name": name} for i, name in enumerate(CLASS_NAMES)]
        for box in document["annotations"]:
            box["category_id"] += first_id - 1
    assert list(coco.dataset().boxes["category"].unique()) == ["Coverall", "Face_Shield"]
    assert set(coco.dataset().boxes["class_id"]) == {0, 1}


def test_images_are_read_lazily(coco: CocoFolder) -> None:
    dataset = coco.dataset()
    name = dataset.images["file_name"].iloc[0]
    (coco.path / "images" / name).write_bytes(b"written after loading")
    assert dataset.files.read(0) == b"written after loading"


def test_split_without_boxes(coco: CocoFolder) -> None:
    for document in coco.documents.values():
        document["annotations"] = []
    dataset = coco.dataset()
    assert len(dataset.boxes) == 0
    assert len(dataset.images) == 4


def drop_field(document: dict[str, Any]) -> None:
    del document["images"][1]["width"]


def wrong_type(document: dict[str, Any]) -> None:
    document["annotations"][0]["image_id"] = "one"


def true_for_a_number(document: dict[str, Any]) -> None:
    document["images"][0]["height"] = True


def no_categories(document: dict[str, Any]) -> None:
    del document["categories"]


def no_images(document: dict[str, Any]) -> None:
    document["images"] = []


def entry_is_text(document: dict[str, Any]) -> None:
    document["annotations"][0] = "box"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (drop_field, ["train.json", "images[1]", "'width'"]),
        (wrong_type, ["annotations[0]", "'image_id'", "'one'", "int"]),
        (true_for_a_number, ["images[0]", "'height'"]),
        (no_categories, ["'categories'"]),
        (no_images, ["lists no images"]),
        (entry_is_text, ["annotations[0]", "not an object"]),
    ],
)
def test_wrong_schema(coco: CocoFolder, change: Callable[[dict[str, Any]], None], words: list[str]) -> None:
    change(coco.documents["train"])
    with pytest.raises(DataError) as caught:
        coco.dataset()
    assert "\n" not in str(caught.value)
    for word in words:
        assert word in str(caught.value)


def test_own_classes(coco: CocoFolder) -> None:
    for document in coco.documents.values():
        document["categories"] = [{"id": 1, "name": "cat"}, {"id": 2, "name": "dog"}]
    dataset = coco.dataset()
    assert dataset.classes == ("cat", "dog")
    assert dataset.boxes["class_id"].to_list() == [0, 1] * 4
    assert not dataset.is_cppe5
    assert dataset.name == coco.path.name


def test_classes_of_two_splits(coco: CocoFolder) -> None:
    coco.documents["train"]["categories"] = [{"id": 1, "name": "cat"}, {"id": 2, "name": "dog"}]
    coco.documents["test"]["categories"] = [{"id": 1, "name": "dog"}, {"id": 2, "name": "fox"}]
    dataset = coco.dataset()
    assert dataset.classes == ("cat", "dog", "fox")
    assert dataset.boxes["class_id"].to_list() == [0, 1, 0, 1, 1, 2, 1, 2]


def test_classes_of_cppe5(coco: CocoFolder) -> None:
    for document in coco.documents.values():
        document["categories"].reverse()
    dataset = coco.dataset()
    assert dataset.classes == CLASS_NAMES
    assert dataset.is_cppe5
    assert dataset.name == "CPPE-5"


@pytest.mark.parametrize("keep", [0, 1, 100, -1])
def test_truncated_json(coco: CocoFolder, keep: int) -> None:
    path = coco.path / "annotations" / "train.json"
    path.write_text(path.read_text()[:keep])
    with pytest.raises(DataError, match=r"train\.json is not JSON") as caught:
        read_coco(coco.path)
    assert "\n" not in str(caught.value)


def test_binary_json(coco: CocoFolder) -> None:
    (coco.path / "annotations" / "train.json").write_bytes(b"\xff\xfe\x00{")
    with pytest.raises(DataError, match="is not JSON"):
        read_coco(coco.path)


def test_json_list(coco: CocoFolder) -> None:
    (coco.path / "annotations" / "train.json").write_text(json.dumps([1, 2]))
    with pytest.raises(DataError, match="holds a list"):
        read_coco(coco.path)


@pytest.mark.parametrize(
    ("absent", "words"),
    [("", "is not a folder"), ("images", "no annotations/"), ("annotations", "no annotations/")],
)
def test_missing_folder(tmp_path: Path, absent: str, words: str) -> None:
    folder = tmp_path / "data"
    for name in {"images", "annotations"} - {absent} if absent else set():
        (folder / name).mkdir(parents=True)
    with pytest.raises(DataError, match=words) as caught:
        read_coco(folder)
    assert "annotations/*.json" in str(caught.value)


def test_real_test_split(real: Exploration) -> None:
    # ../shared/cppe5/README.md, "Facts to check against"
    boxes, images = real.dataset.boxes, real.dataset.images
    assert len(images) == 29
    assert len(boxes) == 207
    counts = boxes["category"].value_counts()
    assert counts.to_dict() == {"Coverall": 45, "Face_Shield": 17, "Gloves": 61, "Goggles": 32, "Mask": 52}
    with_class = boxes.groupby("category")["image_id"].nunique()
    assert with_class.to_dict() == {
        "Coverall": 25,
        "Face_Shield": 14,
        "Gloves": 22,
        "Goggles": 18,
        "Mask": 26,
    }
    assert not real.dataset.synthetic
