"""Each rule finds its planted fault, and valid data has no findings."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from eda.check import RULES, check
from eda.check.findings import COLUMNS, SHOWN_ROWS, sort_findings, summary, write_findings
from eda.check.rules import SEVERITIES, TINY_SIDE
from eda.explore import Exploration
from eda.images import image_facts
from eda.synthetic import Sample
from tests.unit.eda import test_embeddings, test_outliers, test_quality
from tests.unit.eda.folder import HEIGHT, WIDTH, CocoFolder

Finding = tuple[str, int | None, int | None]


def change_box(folder: CocoFolder, bbox: object, area: object = None) -> None:
    box = folder.box()
    box["bbox"] = bbox
    if area is None and isinstance(bbox, list) and len(bbox) == 4 and all(isinstance(v, int) for v in bbox):
        area = bbox[2] * bbox[3]
    box["area"] = box["area"] if area is None else area


def add_box(folder: CocoFolder, category_id: int, bbox: list[int]) -> None:
    area = bbox[2] * bbox[3]
    entry = {"id": 99, "image_id": 1, "category_id": category_id, "bbox": bbox, "area": area}
    folder.documents["train"]["annotations"].append(entry)


def repeat_image_id(folder: CocoFolder) -> None:
    folder.documents["train"]["images"].append({**folder.image(5), "id": 1})


def wrong_size(folder: CocoFolder) -> None:
    folder.documents["train"]["images"][0]["width"] = WIDTH + 1


def fields_smaller_than_boxes(folder: CocoFolder) -> None:
    folder.documents["train"]["images"][0]["width"] = 120


def no_boxes(folder: CocoFolder) -> None:
    folder.documents["train"]["annotations"] = folder.documents["train"]["annotations"][2:]


def missing_image(folder: CocoFolder) -> None:
    (folder.path / "images" / "1.jpg").unlink()


def truncate_image(folder: CocoFolder) -> None:
    path = folder.path / "images" / "1.jpg"
    path.write_bytes(path.read_bytes()[:-400])


def unlisted_image(folder: CocoFolder) -> None:
    folder.draw(9).save(folder.path / "images" / "stray.jpg")


def rename_image(folder: CocoFolder) -> None:
    (folder.path / "images" / "1.jpg").rename(folder.path / "images" / "1.png")
    folder.documents["train"]["images"][0]["file_name"] = "1.png"


def grey_image(folder: CocoFolder) -> None:
    folder.draw(1).convert("L").save(folder.path / "images" / "1.jpg")


def rotate_image(folder: CocoFolder) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    folder.draw(1).save(folder.path / "images" / "1.jpg", exif=exif)


def copy_image(folder: CocoFolder, source: int, target: int) -> None:
    images = folder.path / "images"
    (images / f"{target}.jpg").write_bytes((images / f"{source}.jpg").read_bytes())


def encode_image_again(folder: CocoFolder, source: int, target: int) -> None:
    folder.draw(source).save(folder.path / "images" / f"{target}.jpg", quality=40)


def repeat_box_id(folder: CocoFolder) -> None:
    folder.box(1)["id"] = folder.box(0)["id"]


def box_without_image(folder: CocoFolder) -> None:
    folder.box()["image_id"] = 77


def unknown_category(folder: CocoFolder) -> None:
    folder.box()["category_id"] = 6


def crowd(folder: CocoFolder) -> None:
    folder.box()["iscrowd"] = 1


def ignored_file(folder: CocoFolder) -> None:
    captions = {"images": [], "annotations": [{"id": 1, "image_id": 1, "caption": "two"}]}
    (folder.path / "annotations" / "captions_train.json").write_text(json.dumps(captions))


def upper_case_name(folder: CocoFolder) -> None:
    folder.documents["train"]["images"][0]["file_name"] = "1.JPG"


def text_for_a_number(folder: CocoFolder) -> None:
    folder.documents["train"]["images"][0]["width"] = str(WIDTH)


def one_id_for_two_categories(folder: CocoFolder) -> None:
    folder.documents["train"]["categories"][3]["id"] = 5


def one_category_twice(folder: CocoFolder) -> None:
    folder.documents["train"]["categories"].append({"id": 6, "name": "Mask"})


def similar_categories(folder: CocoFolder) -> None:
    folder.documents["train"]["categories"].append({"id": 6, "name": "face shield"})


def no_photo_of_a_split(folder: CocoFolder) -> None:
    for image in folder.documents["test"]["images"]:
        (folder.path / "images" / image["file_name"]).unlink()


def corners(folder: CocoFolder) -> None:
    add_box(folder, 3, [150, 60, 40, 50])
    add_box(folder, 4, [20, 60, 40, 50])
    folder.box(5)["id"] = 100
    for box in folder.documents["train"]["annotations"]:
        x, y, w, h = box["bbox"]
        box["bbox"] = [x, y, x + w, y + h]


def text_for_a_flag(folder: CocoFolder) -> None:
    folder.box()["iscrowd"] = "0"


def no_area(folder: CocoFolder) -> None:
    del folder.box()["area"]


PLANTED: list[tuple[Callable[[CocoFolder], None], list[Finding]]] = [
    (repeat_image_id, [("image-id-repeated", 1, None)]),
    (wrong_size, [("image-size-differs", 1, None)]),
    (fields_smaller_than_boxes, [("box-past-fields", 1, 11), ("image-size-differs", 1, None)]),
    (no_boxes, [("image-without-boxes", 1, None)]),
    (missing_image, [("photo-missing", 1, None)]),
    (truncate_image, [("photo-unreadable", 1, None)]),
    (unlisted_image, [("photo-unlisted", None, None)]),
    (rename_image, [("photo-format-differs", 1, None)]),
    (grey_image, [("photo-not-rgb", 1, None)]),
    (rotate_image, [("photo-rotated", 1, None)]),
    (lambda f: copy_image(f, 1, 2), [("photo-duplicate", 2, None)]),
    (lambda f: encode_image_again(f, 1, 2), [("photo-near-duplicate", 2, None)]),
    (lambda f: copy_image(f, 1, 3), [("leak-duplicate", 3, None)]),
    (lambda f: encode_image_again(f, 1, 3), [("leak-near-duplicate", 3, None)]),
    (lambda f: change_box(f, [10, 20, 40]), [("box-not-numbers", 1, 10)]),
    (lambda f: change_box(f, [10, 20, 40, None]), [("box-not-numbers", 1, 10)]),
    (lambda f: change_box(f, "10 20 40 50"), [("box-not-numbers", 1, 10)]),
    (lambda f: change_box(f, [10, 20, 0, 50]), [("box-not-positive", 1, 10)]),
    (lambda f: change_box(f, [10, 20, 40, -5]), [("box-not-positive", 1, 10)]),
    (lambda f: change_box(f, [10, 20, 7, 50]), [("box-tiny", 1, 10)]),
    (lambda f: change_box(f, [-1, 20, 40, 50]), [("box-past-photo", 1, 10)]),
    (lambda f: change_box(f, [10, 20, 40, HEIGHT]), [("box-past-photo", 1, 10)]),
    (lambda f: change_box(f, [10, 20, 40, 50], area=1990), [("box-area-differs", 1, 10)]),
    (lambda f: change_box(f, [10, 20, 40, 50], area="2000"), [("box-area-differs", 1, 10)]),
    (lambda f: add_box(f, 1, [10, 20, 40, 50]), [("box-duplicate", 1, 99)]),
    (lambda f: add_box(f, 1, [10, 20, 41, 51]), [("box-near-duplicate", 1, 99)]),
    (lambda f: add_box(f, 3, [10, 20, 40, 50]), [("box-class-conflict", 1, 99)]),
    (repeat_box_id, [("box-id-repeated", 1, 10)]),
    (box_without_image, [("box-without-image", 77, 10)]),
    (unknown_category, [("box-class-unknown", 1, 10)]),
    (crowd, [("box-set-aside", 1, 10)]),
    (ignored_file, [("file-ignored", None, None)]),
    (upper_case_name, [("file-name-differs", 1, None)]),
    (text_for_a_number, [("number-as-text", None, None)]),
    (one_id_for_two_categories, [("category-id-repeated", None, None)]),
    (one_category_twice, [("category-name-repeated", None, None)]),
    (similar_categories, [("category-name-similar", None, None)]),
    (no_photo_of_a_split, [("photo-missing-all", None, None)]),
    (corners, [("box-format-differs", None, None)]),
    (text_for_a_flag, [("box-flag-odd", 1, 10)]),
    (no_area, [("box-area-missing", 1, 10)]),
]


@pytest.mark.parametrize(("plant", "expected"), PLANTED, ids=[f"{e[0][0]}-{n}" for n, (_, e) in enumerate(PLANTED)])
def test_planted_fault(coco: CocoFolder, plant: Callable[[CocoFolder], None], expected: list[Finding]) -> None:
    plant(coco)
    assert coco.rules() == expected


def test_every_rule_is_tested() -> None:
    planted = {finding[0] for _, expected in PLANTED for finding in expected}
    tested = set(test_quality.FAULTY) | test_outliers.TESTED | test_embeddings.TESTED | {"label-without-photo"}
    assert planted | tested == set(RULES)


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


@pytest.mark.parametrize("level", [0, 17, 255])
def test_blank_photos_are_no_near_duplicates(coco: CocoFolder, level: int) -> None:
    for image_id in (1, 2, 3):
        size = (WIDTH, HEIGHT - image_id)
        Image.new("RGB", size, (level,) * 3).resize((WIDTH, HEIGHT)).save(
            coco.path / "images" / f"{image_id}.jpg", quality=90 - image_id
        )
    assert not [rule for rule, _, _ in coco.rules() if "duplicate" in rule]


@pytest.mark.parametrize("orientation", [0, 1, 9, 255])
def test_orientations_that_ask_for_no_rotation(coco: CocoFolder, orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    coco.draw(1).save(coco.path / "images" / "1.jpg", exif=exif)
    assert coco.rules() == []


@pytest.mark.parametrize("orientation", range(2, 9))
@pytest.mark.parametrize("suffix", ["jpg", "tif", "png", "webp"])
def test_rotated_photos_of_every_format(coco: CocoFolder, orientation: int, suffix: str) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    (coco.path / "images" / "1.jpg").unlink()
    coco.draw(1).save(coco.path / "images" / f"1.{suffix}", exif=exif)
    coco.documents["train"]["images"][0]["file_name"] = f"1.{suffix}"
    assert coco.rules() == [("photo-rotated", 1, None)]


def test_many_unlisted_photos_are_one_finding(coco: CocoFolder) -> None:
    for number in range(21):
        coco.draw(number).save(coco.path / "images" / f"stray {number:02}.jpg")
    assert coco.rules() == [("photo-unlisted", None, None)]


def test_valid_folder(coco: CocoFolder) -> None:
    assert coco.rules() == []


@pytest.mark.parametrize(
    "change",
    [
        lambda f: change_box(f, [0, 0, WIDTH, HEIGHT]),
        lambda f: change_box(f, [10, 20, int(TINY_SIDE), 50]),
        lambda f: change_box(f, [10.4, 20.0, 40.0, 50.0], area=2000.6),
        lambda f: add_box(f, 1, [12, 22, 40, 50]),
    ],
    ids=["full image", "minimum side", "rounded area", "overlap below the limit"],
)
def test_within_the_limits(coco: CocoFolder, change: Callable[[CocoFolder], None]) -> None:
    change(coco)
    assert coco.rules() == []


def test_boxes_are_not_repaired(coco: CocoFolder) -> None:
    change_box(coco, [150, 20, 90, -50], area=3)
    coco.rules()
    box = coco.dataset().boxes.iloc[0]
    assert (box.x, box.w, box.h, box.area) == (150, 90, -50, 3)


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
