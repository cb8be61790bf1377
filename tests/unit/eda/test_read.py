"""COCO files as programs write them: each row of ../shared/cases/eda.md about JSON and texts."""

import json
from pathlib import Path

import pytest

from eda.coco import read_coco
from eda.errors import DataError
from eda.explore import explore
from tests.unit.eda.folder import CocoFolder


@pytest.mark.parametrize("info", ["made by a converter", ["a", "list"], 7, None, {}, {"description": None}])
def test_info_of_any_kind(coco: CocoFolder, info: object) -> None:
    for document in coco.documents.values():
        document["info"] = info
    assert not coco.dataset().synthetic
    assert coco.rule_names() == []


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


@pytest.mark.parametrize("text", ["a\0b.jpg", "a\ud800b.jpg", "\udcff.jpg", "a\nb.jpg", "\x1b[31m.jpg", "\u202e.jpg"])
def test_odd_characters_in_a_file_name_are_a_finding(coco: CocoFolder, tmp_path: Path, text: str) -> None:
    coco.documents["train"]["images"][0]["file_name"] = text
    exploration = explore(coco.dataset())
    assert exploration.findings["rule"].to_list() == ["photo-missing", "photo-unlisted"]
    name = exploration.findings["file_name"].iloc[0]
    assert name.encode()
    assert name.isprintable()


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
