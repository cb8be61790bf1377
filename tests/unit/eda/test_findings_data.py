"""The block of data that the page's script reads: what it holds, its budget, and names that try to break out of it."""

import io
import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from eda import page, pictures
from eda.explore import Exploration, explore
from eda.findings_data import MAX_BOXES, FindingsData, collect, findings_block, to_json
from eda.page import MAX_BYTES, write_report
from eda.plots.findings import plot_findings
from eda.sections import Section
from tests.unit.eda.faults import add_box, change_box, encode_image_again
from tests.unit.eda.folder import HEIGHT, WIDTH, CocoFolder

PLENTY = 10**7
HOSTILE = "</script><img src=x onerror=alert(1)><!--'&\"{{ 7 * 7 }}"


def block(exploration: Exploration, max_bytes: int = PLENTY) -> dict[str, Any]:
    data: dict[str, Any] = json.loads(to_json(findings_block(exploration, collect(exploration, max_bytes))))
    return data


def findings_page(exploration: Exploration, folder: Path, *, pixels: bool = True) -> str:
    parts = [Section("Findings", "What the rules found.", (plot_findings,))]
    return write_report(exploration, parts, folder, pixels=pixels).read_text(encoding="utf-8")


def photos(text: str) -> dict[str, str]:
    found = re.search(r'<script type="application/json" id="data">(.*?)</script>', text, re.DOTALL)
    assert found
    uris: dict[str, str] = json.loads(found[1])["photos"]
    return uris


def with_wrong_sizes(coco: CocoFolder, count: int) -> Exploration:
    """Return an exploration with an error about each of `count` photos, and a note about the one after them."""
    coco.add_images(count + 1)
    for image in coco.documents["train"]["images"][2:-1]:
        image["width"] += 1
    coco.draw(100 + count + 1).convert("L").save(coco.path / "images" / f"{100 + count + 1}.jpg", quality=95)
    return explore(coco.dataset())


def test_columns_have_one_length(sample: Exploration) -> None:
    columns = block(sample)["findings"]
    assert {len(column) for column in columns.values()} == {len(sample.findings)}
    assert columns["number"] == list(range(1, len(sample.findings) + 1))
    assert columns["message"] == list(sample.findings["message"])


@pytest.mark.parametrize("image_id", [2**53 - 1, 2**53 + 1, -(2**53) - 1, 2**63 - 1])
def test_ids_that_a_script_would_round_are_texts(coco: CocoFolder, image_id: int) -> None:
    coco.documents["train"]["images"][0]["id"] = image_id
    ids = block(explore(coco.dataset()))["findings"]["image_id"]
    assert str(image_id) in map(str, ids)
    assert all(isinstance(each, str) or abs(each) < 2**53 for each in ids)


def test_every_image_and_box_of_a_finding_is_there(sample: Exploration) -> None:
    data = block(sample)
    drawable = set(sample.dataset.boxes.dropna(subset=["x", "y", "w", "h"]).index)
    for images, boxes in zip(data["findings"]["images"], data["findings"]["boxes"], strict=True):
        there = {box[0] for image in images for box in data["images"][str(image)]["boxes"]}
        assert not images or set(boxes) & drawable <= there


def test_boxes_in_pixels_with_their_class(coco: CocoFolder) -> None:
    change_box(coco, [10, 20, 7, 50])
    data = block(explore(coco.dataset()))
    (image,) = data["images"].values()
    assert image["size"] == [WIDTH, HEIGHT]
    assert [(box[1:5], data["classes"][box[5]]) for box in image["boxes"]] == [
        ([10, 20, 7, 50], "Coverall"),
        ([100, 20, 40, 50], "Face_Shield"),
    ]
    assert data["findings"]["classes"] == [[0]]


def test_both_classes_of_a_pair_of_boxes(coco: CocoFolder) -> None:
    add_box(coco, 3, [10, 20, 41, 51])
    data = block(explore(coco.dataset()))
    row = data["findings"]["rule"].index("box-class-conflict")
    assert sorted(data["classes"][n] for n in data["findings"]["classes"][row]) == ["Coverall", "Gloves"]


def test_both_photos_of_a_pair(coco: CocoFolder) -> None:
    encode_image_again(coco, 1, 3)
    data = block(explore(coco.dataset()))
    (rows,) = data["findings"]["images"]
    assert [data["images"][str(row)]["name"] for row in rows] == ["test 3", "train 1"]


def test_a_box_far_past_the_photo_is_cut(coco: CocoFolder) -> None:
    change_box(coco, [10, 20, 10**9, 50])
    data = block(explore(coco.dataset()))
    _, x, y, width, height, _ = next(iter(data["images"].values()))["boxes"][0]
    assert (x, y, height) == (10, 20, 50)
    assert x + width == pytest.approx(1.6 * WIDTH)


@pytest.mark.parametrize("bbox", [[10, 20, 40], "none"])
def test_a_box_that_is_not_four_numbers_is_not_drawn(coco: CocoFolder, bbox: object) -> None:
    change_box(coco, bbox)
    (image,) = block(explore(coco.dataset()))["images"].values()
    assert len(image["boxes"]) == 1


def test_a_crowd_of_boxes_is_cut_but_the_named_one_stays(coco: CocoFolder) -> None:
    for n in range(2 * MAX_BOXES):
        add_box(coco, 3, [n % 20 * 10, n // 20 * 10, 9, 9])
    add_box(coco, 4, [100, 110, 9, 3])
    for n, box in enumerate(coco.documents["train"]["annotations"]):
        box["id"] = n
    exploration = explore(coco.dataset())
    data = block(exploration)
    row = data["findings"]["rule"].index("box-tiny")
    boxes = data["images"][str(data["findings"]["images"][row][0])]["boxes"]
    assert data["findings"]["boxes"][row][0] in [box[0] for box in boxes]
    assert len(boxes) == MAX_BOXES + 1


def test_errors_come_before_notes_in_the_budget(coco: CocoFolder) -> None:
    exploration = with_wrong_sizes(coco, 10)
    data = block(exploration, 1500)
    assert 0 < len(data["findings"]["number"]) < len(exploration.findings)
    assert set(data["findings"]["severity"]) == {"error"}


def test_findings_of_each_rule_take_turns(coco: CocoFolder) -> None:
    add_box(coco, 1, [10, 20, 40, 50])
    exploration = with_wrong_sizes(coco, 10)
    data = block(exploration, 1000)
    assert len(data["findings"]["number"]) < 10
    assert {"box-duplicate", "image-size-differs"} <= set(data["findings"]["rule"])
    assert data["findings"]["number"] == sorted(data["findings"]["number"])


def test_the_block_keeps_its_budget(sample: Exploration) -> None:
    for budget in (500, 2_000, 5_000):
        found = collect(sample, budget)
        blocks = [findings_block(sample, data) for data in (found, FindingsData(classes=found.classes))]
        full, fixed = (len(to_json({**block, "rules": {}})) for block in blocks)
        assert 0 < full - fixed < 1.05 * budget


def test_hostile_names_cannot_leave_the_block(coco: CocoFolder, tmp_path: Path) -> None:
    for document in coco.documents.values():
        document["categories"][0]["name"] = HOSTILE
    coco.documents["train"]["images"][0]["file_name"] = f"{HOSTILE}.jpg"
    change_box(coco, [10, 20, 7, 50])
    exploration = explore(coco.dataset())
    assert HOSTILE in block(exploration)["classes"]
    text = findings_page(exploration, tmp_path)
    assert "<img src=x" not in text
    assert text.count("<script") == text.count("</script>") == 2


def test_photos_of_all_findings_are_in_the_page(coco: CocoFolder, tmp_path: Path) -> None:
    text = findings_page(with_wrong_sizes(coco, 3), tmp_path)
    assert len(photos(text)) == 4
    assert "Photos of" not in text


def test_without_pixels_no_photo_is_in_the_page(coco: CocoFolder, tmp_path: Path) -> None:
    text = findings_page(with_wrong_sizes(coco, 3), tmp_path, pixels=False)
    assert photos(text) == {}
    assert re.findall(r"data:image/(?!png)", text.replace("data:image/${", "")) == []
    assert "Without photos (--no-photos)" in text


def test_photos_that_do_not_fit_are_empty_frames(
    coco: CocoFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    exploration = with_wrong_sizes(coco, 40)
    monkeypatch.setattr(page, "MAX_BYTES", len(findings_page(exploration, tmp_path / "all", pixels=False)) + 60_000)
    text = findings_page(exploration, tmp_path)
    assert len(text.encode()) <= page.MAX_BYTES
    shown = photos(text)
    assert 0 < len(shown) < 41
    assert f"Photos of {len(shown)} of 41 images with findings are in this page" in text
    grey = str(exploration.images.index[exploration.images["mode"] == "L"][0])
    assert grey not in shown


def test_many_large_photos_stay_below_the_limit(coco: CocoFolder, tmp_path: Path) -> None:
    coco.add_images(120)
    for image in coco.documents["train"]["images"]:
        noise = np.random.default_rng(image["id"]).integers(0, 256, (480, 640, 3), dtype=np.uint8)
        Image.fromarray(noise).save(coco.path / "images" / image["file_name"], quality=60)
    text = findings_page(explore(coco.dataset()), tmp_path)
    assert len(photos(text)) == 124
    assert MAX_BYTES / 2 < len(text.encode()) < MAX_BYTES


@pytest.mark.parametrize(("budget", "side"), [(10**7, 640), (10**5, 160), (1, 160)])
def test_side_of_thumbnails(real: Exploration, budget: int, side: int) -> None:
    assert pictures.fitting_side(real.dataset, list(real.images.index), budget) == side


def test_an_unreadable_photo_has_no_thumbnail(coco: CocoFolder) -> None:
    (coco.path / "images" / "1.jpg").write_bytes(b"no photo")
    assert set(pictures.thumbnails(coco.dataset(), [0, 1], PLENTY)) == {1}


@pytest.mark.parametrize(("count", "max_bytes"), [(1, 10**6), (1, 9_000), (40, 60_000)])
def test_plots_with_photos_keep_their_budget(count: int, max_bytes: int) -> None:
    out = io.BytesIO()
    CocoFolder.draw(1).resize((800, 480)).save(out, "JPEG", quality=90)
    shrunk = pictures.shrink_pictures([out.getvalue()] * count, max_bytes)
    assert len(shrunk) == count
    assert sum(map(len, shrunk)) <= max_bytes
    with Image.open(io.BytesIO(shrunk[0])) as image:
        assert image.width / image.height == pytest.approx(800 / 480, rel=0.05)
    if len(out.getvalue()) * count <= max_bytes:
        assert shrunk == [out.getvalue()] * count
