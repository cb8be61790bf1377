"""Each rule finds its planted fault, and valid data has no findings."""

from collections.abc import Callable

import pytest
from PIL import Image

from eda.check import RULES
from eda.check.rules import TINY_SIDE
from tests.unit.eda import test_outliers, test_quality
from tests.unit.eda.embeddings import test_explore
from tests.unit.eda.faults import (
    add_box,
    box_without_image,
    change_box,
    copy_image,
    corners,
    crowd,
    encode_image_again,
    fields_smaller_than_boxes,
    grey_image,
    ignored_file,
    missing_image,
    no_area,
    no_boxes,
    no_photo_of_a_split,
    one_category_twice,
    one_id_for_two_categories,
    rename_image,
    repeat_box_id,
    repeat_image_id,
    rotate_image,
    similar_categories,
    text_for_a_flag,
    text_for_a_number,
    truncate_image,
    turn_box,
    unknown_category,
    unlisted_image,
    upper_case_name,
    wrong_size,
)
from tests.unit.eda.folder import HEIGHT, WIDTH, CocoFolder

Finding = tuple[str, int | None, int | None]

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
    (turn_box, [("box-rotated", 1, 10)]),
    (no_area, [("box-area-missing", 1, 10)]),
]


@pytest.mark.parametrize(("plant", "expected"), PLANTED, ids=[f"{e[0][0]}-{n}" for n, (_, e) in enumerate(PLANTED)])
def test_planted_fault(coco: CocoFolder, plant: Callable[[CocoFolder], None], expected: list[Finding]) -> None:
    plant(coco)
    assert coco.rules() == expected


def test_every_rule_is_tested() -> None:
    planted = {finding[0] for _, expected in PLANTED for finding in expected}
    tested = set(test_quality.FAULTY) | test_outliers.TESTED | test_explore.TESTED | {"label-without-photo"}
    assert planted | tested == set(RULES)


@pytest.mark.parametrize(
    ("name", "encoded"),
    [
        *((f"1{ending}", "JPEG") for ending in (".jfif", ".jpe", ".JPEG", ".v2", "", ".", ".jpg.1")),
        *(("1.jpg", "MPO"), ("1.jp2", "JPEG2000"), ("1.ppm", "PPM"), ("1.tga", "TGA"), ("1.tiff", "TIFF")),
    ],
)
def test_names_and_formats_that_agree(coco: CocoFolder, name: str, encoded: str) -> None:
    (coco.path / "images" / "1.jpg").unlink()
    coco.draw(1).save(coco.path / "images" / name, encoded)
    coco.documents["train"]["images"][0]["file_name"] = name
    assert coco.rules() == []


@pytest.mark.parametrize(
    ("name", "encoded"), [("1.jpe", "PNG"), ("1.webp", "JPEG"), ("1.tga", "PNG"), ("a.b.JP2", "GIF")]
)
def test_names_and_formats_that_differ(coco: CocoFolder, name: str, encoded: str) -> None:
    (coco.path / "images" / "1.jpg").unlink()
    coco.draw(1).save(coco.path / "images" / name, encoded)
    coco.documents["train"]["images"][0]["file_name"] = name
    assert ("photo-format-differs", 1, None) in coco.rules()


@pytest.mark.parametrize(("left", "words"), [(-1, "1 pixel past 200x120"), (-2, "2 pixels past 200x120")])
def test_pixels_past_the_edge_are_counted(coco: CocoFolder, left: int, words: str) -> None:
    change_box(coco, [left, 20, 40, 50])
    assert coco.messages()["box-past-photo"] == words


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
        lambda f: f.box().update(attributes={"occluded": True, "rotation": 0.0}),
        lambda f: f.box().update(attributes=["rotation"]),
        lambda f: f.box().update(attributes={"rotation": "none"}),
    ],
    ids=["full image", "minimum side", "rounded area", "overlap below the limit", "upright", "a list", "a text"],
)
def test_within_the_limits(coco: CocoFolder, change: Callable[[CocoFolder], None]) -> None:
    change(coco)
    assert coco.rules() == []


def test_boxes_are_not_repaired(coco: CocoFolder) -> None:
    change_box(coco, [150, 20, 90, -50], area=3)
    coco.rules()
    box = coco.dataset().boxes.iloc[0]
    assert (box.x, box.w, box.h, box.area) == (150, 90, -50, 3)
