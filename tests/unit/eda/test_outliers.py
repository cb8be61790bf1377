"""Boxes, images and classes that are unlike the others, and boxes in another format."""

import numpy as np
import pandas as pd
import pytest

from tests.unit.eda.folder import CocoFolder
from tests.unit.eda.tables import HEIGHT, WIDTH, Bbox, Drawn, dataset_of, findings_of

FIRST, SECOND = "Coverall", "Face_Shield"
"""The classes of the folder that the tables start from."""

TESTED = {
    "box-size-odd",
    "box-aspect-odd",
    "box-format",
    "image-crowded",
    "image-label-missing",
    "class-few-images",
    "class-few-boxes",
    "class-imbalance",
}
"""The rules of this file, each with a test that finds it."""


def found(coco: CocoFolder, images: list[Drawn], splits: list[str] | None = None) -> list[tuple[str, int | None]]:
    """Return (rule, image id) of every finding that is not on photos."""
    findings = findings_of(dataset_of(coco, images, splits))
    return [(row.rule, None if pd.isna(row.image_id) else int(row.image_id)) for row in findings.itertuples()]


def box(scale: float = 1, aspect: float = 1, left: float = 100) -> Bbox:
    """Return a box of about 60 pixels, scaled, inside the photo."""
    side = 60 * scale
    return (left, 100, side * aspect**0.5, side / aspect**0.5)


def varied(count: int) -> list[Drawn]:
    """Return images with one box of FIRST each, whose sizes and aspects vary by 10% or so."""
    rng = np.random.default_rng(0)
    return [[(FIRST, box(*np.exp(rng.normal(0, 0.1, 2))))] for _ in range(count)]


@pytest.mark.parametrize("scale", [0.2, 5])
def test_box_far_from_its_class_in_size(coco: CocoFolder, scale: float) -> None:
    assert found(coco, [*varied(40), [(FIRST, box(scale))]]) == [("box-size-odd", 40)]


@pytest.mark.parametrize("aspect", [0.2, 5])
def test_box_far_from_its_class_in_aspect(coco: CocoFolder, aspect: float) -> None:
    assert found(coco, [*varied(40), [(FIRST, box(1, aspect))]]) == [("box-aspect-odd", 40)]


@pytest.mark.parametrize("planted", [box(1.2), box(0.8), box(1, 1.3)])
def test_box_like_its_class(coco: CocoFolder, planted: Bbox) -> None:
    assert found(coco, [*varied(40), [(FIRST, planted)]]) == []


def test_a_size_is_compared_within_its_class(coco: CocoFolder) -> None:
    large: list[Drawn] = [[(SECOND, box(5, left=10))] for _ in range(40)]
    assert found(coco, [*varied(40), *large]) == []
    assert found(coco, [*varied(40), *large, [(SECOND, box())]]) == [("box-size-odd", 80)]


def test_equal_boxes_have_a_deviation_too(coco: CocoFolder) -> None:
    """The median absolute deviation of equal boxes is 0; the mean takes its place."""
    equal: list[Drawn] = [[(FIRST, box())] for _ in range(40)]
    assert found(coco, [*equal, [(FIRST, box(1.1))]]) == []
    assert found(coco, [*equal, [(FIRST, box(3))]]) == [("box-size-odd", 40)]


def test_few_boxes_have_no_outliers(coco: CocoFolder) -> None:
    assert found(coco, [*varied(15), [(FIRST, box(5))]]) == []


def test_a_message_names_the_numbers(coco: CocoFolder) -> None:
    equal: list[Drawn] = [[(FIRST, box())] for _ in range(40)]
    (message,) = findings_of(dataset_of(coco, [*equal, [(FIRST, box(4))]]))["message"]
    assert message == ("√(box area / photo area) is 0.433, the median of Coverall is 0.108 (robust z +32.7)")


def grid(count: int) -> Drawn:
    """Return `count` disjoint boxes."""
    return [(FIRST, (10 + 30 * (n % 20), 10 + 30 * (n // 20), 20, 20)) for n in range(count)]


def test_image_with_far_more_boxes(coco: CocoFolder) -> None:
    usual = [grid(1 + n % 4) for n in range(40)]
    assert found(coco, [*usual, grid(60)]) == [("image-crowded", 40)]
    assert found(coco, [*usual, grid(6)]) == []


PAIR: Drawn = [(FIRST, box()), (SECOND, box(left=300))]


def test_image_without_an_expected_class(coco: CocoFolder) -> None:
    findings = findings_of(dataset_of(coco, [*[PAIR] * 80, PAIR[:1]]))
    missing = findings[findings["rule"] == "image-label-missing"]
    assert list(missing["image_id"]) == [80]
    assert list(missing["message"]) == [
        "Coverall but no Face_Shield; 80 of 81 images with Coverall show one (at least 93%)"
    ]


@pytest.mark.parametrize(
    ("together", "alone"), [(20, 1), (80, 20)], ids=["too few to be certain", "often without the other"]
)
def test_image_without_a_class_that_is_not_expected(coco: CocoFolder, together: int, alone: int) -> None:
    rules = [rule for rule, _ in found(coco, [*[PAIR] * together, *[PAIR[:1]] * alone])]
    assert "image-label-missing" not in rules


def test_class_in_few_images(coco: CocoFolder) -> None:
    splits = ["train"] * 100
    rules = found(coco, [*[grid(2)] * 90, *[[(SECOND, box())]] * 10], splits)
    assert ("class-few-images", None) in rules
    findings = findings_of(dataset_of(coco, [*[grid(2)] * 89, *[[(SECOND, box())]] * 11], splits))
    few = findings[findings["rule"] == "class-few-images"]
    assert not few["message"].str.startswith(SECOND).any()


def test_class_with_few_boxes_in_a_split(coco: CocoFolder) -> None:
    images = [grid(10)] * 120
    findings = findings_of(dataset_of(coco, images, ["train"] * 115 + ["test"] * 5))
    few = findings[(findings["rule"] == "class-few-boxes") & findings["message"].str.startswith(FIRST)]
    assert list(zip(few["split"], few["message"], strict=True)) == [
        ("test", "Coverall: 50 boxes; a recall of 50% is known to ±14 points")
    ]


@pytest.mark.parametrize(("rare", "expected"), [(120, False), (115, True)])
def test_class_imbalance(coco: CocoFolder, rare: int, *, expected: bool) -> None:
    images = [grid(10)] * 120 + [[(SECOND, box())]] * rare
    assert (("class-imbalance", None) in found(coco, images)) is expected


def test_small_data_set_has_no_rare_classes(coco: CocoFolder) -> None:
    assert not [rule for rule, _ in found(coco, [*[grid(2)] * 90, [(SECOND, box())]]) if rule.startswith("class-")]


def corners(bbox: Bbox) -> Bbox:
    x, y, w, h = bbox
    return x, y, x + w, y + h


def centred(bbox: Bbox) -> Bbox:
    x, y, w, h = bbox
    return x + w / 2, y + h / 2, w, h


def shares(bbox: Bbox) -> Bbox:
    x, y, w, h = bbox
    return x / WIDTH, y / HEIGHT, w / WIDTH, h / HEIGHT


RIGHT_SIDE: Drawn = [(FIRST, (400, 300, 200, 150)), (SECOND, (350, 200, 180, 240))]
LARGE: Drawn = [(FIRST, (0, 20, 500, 450)), (SECOND, (300, 10, 330, 460))]


@pytest.mark.parametrize(
    ("drawn", "change", "words"),
    [
        (RIGHT_SIDE, corners, "read as two corners, all lie inside"),
        (LARGE, centred, "read as a centre and a size, all lie inside"),
        (RIGHT_SIDE, shares, "between 0 and 1"),
    ],
)
def test_image_in_another_format(coco: CocoFolder, drawn: Drawn, change: type, words: str) -> None:
    findings = findings_of(dataset_of(coco, [PAIR, [(name, change(bbox)) for name, bbox in drawn]]))
    foreign = findings[findings["rule"] == "box-format"]
    assert list(foreign["image_id"]) == [1, 1]
    assert list(foreign["box_id"]) == [2, 3]
    assert foreign["message"].str.contains(words).all()


@pytest.mark.parametrize(
    "drawn",
    [
        RIGHT_SIDE,
        LARGE,
        [(name, (x, y, w + 9, h)) for name, (x, y, w, h) in LARGE],
        [(FIRST, (400, 300, 600, 450)), (SECOND, (10, 10, 50, 50))],
    ],
    ids=["inside", "large", "a little outside", "one of two"],
)
def test_image_in_the_usual_format(coco: CocoFolder, drawn: Drawn) -> None:
    findings = findings_of(dataset_of(coco, [PAIR, drawn]))
    assert "box-format" not in set(findings["rule"])
