"""The sentences that plots compute: right for few, equal, absent and extreme values."""

import numpy as np
import pandas as pd
import pytest

from eda.explore import explore
from eda.measure.spatial import co_occurrence
from eda.plots.anchors import pixels
from eda.plots.images import sharpness_words, size_words
from eda.plots.sizes import aspect_words, plot_coco_sizes, relative_words
from eda.plots.spatial import co_occurrence_words, overlap_words, plot_heat_maps
from eda.plots.style import percent
from eda.sections import sections
from tests.unit.eda.folder import CocoFolder


@pytest.mark.parametrize(
    ("share", "text"),
    [
        (0, "0%"),
        (1e-6, "under 1%"),
        (0.0049, "under 1%"),
        (0.006, "1%"),
        (0.994, "99%"),
        (0.9999, "over 99%"),
        (1, "100%"),
    ],
)
def test_percent_says_all_or_none_only_for_all_or_none(share: float, text: str) -> None:
    assert percent(share) == text


def test_a_minimum_is_not_rounded_up() -> None:
    # The quantiles are 1 and 7.76: "at least 8 times" would be wrong.
    assert "at least 7.7 times" in sharpness_words(pd.Series([1, 1, 1, 1, 3, 5, 7.76, 7.76, 7.76, 7.76, 7.76]))


@pytest.mark.parametrize("values", [[0, 0, 0, 5], [0, 0, 0, 0]])
def test_blank_images_are_not_compared(values: list[float]) -> None:
    text = sharpness_words(pd.Series(values))
    assert "inf" not in text
    assert text.endswith(f"{25 * values.count(0)}% have no detail at all")


def test_a_size_that_occurs_once_is_not_called_common() -> None:
    images = pd.DataFrame({"frame_width": [10.0, 20.0], "frame_height": [10.0, 20.0]})
    assert size_words(images) == "no two images have the same size"
    assert size_words(pd.concat([images, images[:1]])) == "the most common size is 10x10 (2 images)"


def test_one_class_is_not_both_tallest_and_widest() -> None:
    assert aspect_words(pd.Series({"Mask": 0.5})) == "the median of Mask is 0.50"
    two = aspect_words(pd.Series({"Mask": 0.5, "Hat": 2.0}))
    assert two == "Mask is the tallest class (median 0.50) and Hat the widest (2.00)"


def test_one_class_is_not_compared_with_itself() -> None:
    assert relative_words(pd.Series({"Mask": 0.5})) == "The median Mask spans 50% of the image's side"
    assert relative_words(pd.Series({"Mask": 0.5, "Hat": 0.1})).endswith("a factor of 5.0 between classes")


def test_no_small_boxes_name_no_class(coco: CocoFolder) -> None:
    assert plot_coco_sizes(explore(coco.dataset())).caption == "0 boxes are small, 8 medium and 0 large."
    coco.box()["bbox"] = [10, 20, 10, 20]
    assert "; Coverall has the largest share of small ones (25%)." in plot_coco_sizes(explore(coco.dataset())).caption


@pytest.mark.parametrize(("side", "text"), [(0.004, "0.004"), (0.26, "0.3"), (1, "1"), (15.6, "16"), (2000, "2000")])
def test_no_anchor_has_no_pixels(side: float, text: str) -> None:
    assert pixels(side) == text


def shown(images: list[str]) -> pd.DataFrame:
    """Return one box for each letter of each image."""
    rows = [(n, letter) for n, letters in enumerate(images) for letter in letters]
    boxes = pd.DataFrame(rows, columns=["image_row", "class_name"])
    return boxes.assign(class_name=pd.Categorical(boxes["class_name"], categories=list("ABCD")))


def test_co_occurrence_names_both_shares_from_the_matrix() -> None:
    table = co_occurrence(shown(["AB", "AB", "AB", "A", "A", "AC", "C", "BC"]))
    text = co_occurrence_words(table)
    assert text == (
        "Most often together, by the mean of both shares: A and B (50% of images with A show B, 75% of those with B "
        "show A); least often: A and C (17% of images with A show C, 33% of those with C show A)"
    )
    assert table.loc["A", "C"] == pytest.approx(1 / 6)


def test_a_rare_class_is_not_the_least_common_companion_for_being_rare() -> None:
    # D is in one image and always with A, though few images with A show it.
    table = co_occurrence(shown(["AD", *["A"] * 9, *["B"] * 5, "AB", "BC", "AC", "C"]))
    assert "least often: A and D" not in co_occurrence_words(table)


def test_co_occurrence_of_few_classes() -> None:
    assert co_occurrence_words(co_occurrence(shown(["A"]))) == "No two of the classes have boxes, so none come together"
    assert co_occurrence_words(co_occurrence(shown(["AB"]))).startswith("Together: A and B (100% of images")


def test_no_overlap_names_no_classes() -> None:
    none = pd.DataFrame([[0.0, 0.0], [0.0, 0.1]], index=["A", "B"], columns=["A", "B"])
    assert overlap_words(none).startswith("No box overlaps one of another class")
    some = pd.DataFrame([[0.0, 0.4], [0.2, 0.1]], index=["A", "B"], columns=["A", "B"])
    assert overlap_words(some).startswith("40% of A boxes overlap a B")


@pytest.mark.parametrize("splits", [["train"], ["val"]])
def test_a_single_split_is_said_to_have_none_to_compare(coco: CocoFolder, splits: list[str]) -> None:
    (coco.path / "annotations" / "test.json").unlink()
    coco.documents = {splits[0]: coco.documents["train"]}
    (coco.path / "annotations" / "train.json").unlink()
    intros = {part.title: part.intro for part in sections(explore(coco.dataset()), None, pixels=False)}
    assert intros["Splits"] == f"Only {splits[0]} is here: there is nothing to compare it with."


def test_extreme_boxes_make_no_long_sentences(coco: CocoFolder) -> None:
    coco.box(0)["bbox"] = [0, 0, 1e308, 1e308]
    coco.box(1)["bbox"] = [0, 0, 1e-300, 50]
    exploration = explore(coco.dataset())
    parts = list(sections(exploration, None, pixels=False))
    plots = [draw(exploration) for part in parts for draw in part.plots]
    assert max(len(plot.caption) for plot in plots if plot is not None) < 400
    assert np.isfinite(exploration.boxes[["w", "h", "relative_size", "aspect"]]).all(axis=None)


def test_position_names_the_ends_of_many_classes(coco: CocoFolder) -> None:
    names = [f"class {n:02}" for n in range(20)]
    for document in coco.documents.values():
        document["categories"] = [{"id": n, "name": name} for n, name in enumerate(names)]
        document["annotations"] = [
            {"id": 100 * image["id"] + n, "image_id": image["id"], "category_id": n, "area": 200}
            | {"bbox": [5 + 9 * n, 5 * n, 20, 10]}
            for image in document["images"]
            for n in range(20)
        ]
    caption = plot_heat_maps(explore(coco.dataset())).caption
    assert "from the top: class 00 4%, class 01 8%, class 02 12%, …, class 17 75%, class 18 79%, class 19" in caption
