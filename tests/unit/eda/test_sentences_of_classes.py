"""The sentences on classes: of one class, of equal ones, of many, and of what occurs never."""

import numpy as np
import pandas as pd
import pytest

from eda.coco import read_coco
from eda.conclusions import conclusions
from eda.explore import explore
from eda.measure.spatial import co_occurrence
from eda.plots.classes import class_sentence, plot_boxes_per_image
from eda.plots.gallery import plot_most_crowded
from eda.plots.images import sharpness_words, size_words
from eda.plots.sizes import plot_size_and_aspect
from eda.plots.spatial import co_occurrence_words, overlap_words, plot_co_occurrence, plot_overlaps
from eda.plots.splits import plot_differences
from eda.plots.style import counted, some_words
from eda.sections import sections
from tests.unit.eda.folder import CocoFolder
from tests.unit.eda.test_palette import with_classes
from tests.unit.eda.test_sentences import shown


def sentence(boxes: dict[str, int]) -> str:
    counts = pd.Series(boxes)
    share = counts / max(1, counts.sum())
    return class_sentence(pd.DataFrame({"boxes": counts, "box_low": share - 0.01, "box_high": share + 0.01}))


@pytest.mark.parametrize(
    ("boxes", "expected"),
    [
        ({"cat": 16}, "There is one class, cat, with 16 boxes."),
        ({"cat": 1}, "There is one class, cat, with 1 box."),
        ({"cat": 8, "dog": 8}, "Each of the 2 classes has 8 boxes."),
        ({"cat": 8, "dog": 0}, "cat is the most frequent class, with 8 of 8 boxes; there is no box of dog."),
        (
            {"cat": 8, "dog": 8, "fox": 4},
            "cat and dog are the most frequent classes, with 8 of 20 boxes each: 2.0 times as many as the rarest, "
            "fox (4), whose interval lies below all others.",
        ),
        (
            {"cat": 8, "dog": 4, "fox": 4},
            "cat is the most frequent class, with 8 of 16 boxes: 2.0 times as many as one of the rarest, dog (4), "
            "whose interval overlaps another one.",
        ),
        (
            {"cat": 1, **{f"c{n}": 0 for n in range(9)}},
            "cat is the most frequent class, with 1 of 1 boxes; there is no box of c0, c1, c2, c3, c4 and 4 more.",
        ),
    ],
)
def test_class_sentence(boxes: dict[str, int], expected: str) -> None:
    assert sentence(boxes) == expected


@pytest.mark.parametrize(
    ("images", "expected"),
    [
        (["A", "B", "C"], "No image shows two of the classes"),
        (["ABC", "ABC"], "Each two of the classes come together equally often, such as A and B (100% of images with A"),
        (["AB", "A", "C", "D"], "5 of 6 pairs never do, such as A and C"),
    ],
)
def test_co_occurrence_of_equal_and_absent_pairs(images: list[str], expected: str) -> None:
    assert expected in co_occurrence_words(co_occurrence(shown(images)))


def test_no_overlap_at_all() -> None:
    none = pd.DataFrame(np.zeros((2, 2)), index=["A", "B"], columns=["A", "B"])
    assert overlap_words(none) == "No box overlaps another by half of the smaller box"
    one = pd.DataFrame([[0.25]], index=["A"], columns=["A"])
    assert overlap_words(one) == "25% of A boxes overlap one of their own class so"


def test_sentences_name_classes_not_the_group_of_others(coco: CocoFolder) -> None:
    exploration = explore(with_classes(coco, 14).dataset())
    for plot in (plot_co_occurrence(exploration), plot_overlaps(exploration)):
        assert "others" not in plot.caption
        assert "class" in plot.caption


def test_many_classes_take_no_long_sentence_and_no_long_time(coco: CocoFolder) -> None:
    names = [f"class {n}" for n in range(200)]
    table = co_occurrence(
        pd.DataFrame({"image_row": np.arange(400) // 2, "class_name": pd.Categorical(names * 2, categories=names)})
    )
    assert co_occurrence_words(table).endswith("19,800 of 19,900 pairs never do, such as class 0 and class 2")


def test_a_class_that_begins_with_an_underscore_is_in_the_legend(coco: CocoFolder) -> None:
    for document in coco.documents.values():
        document["categories"][0]["name"] = "_background_"
    figure = plot_size_and_aspect(explore(coco.dataset())).figure
    legend = figure.axes[0].get_legend()
    assert legend
    assert "_background_" in [text.get_text().strip() for text in legend.get_texts()]


def one_image(coco: CocoFolder) -> CocoFolder:
    """Leave an image with a box in each split."""
    for document in coco.documents.values():
        del document["images"][1:], document["annotations"][1:]
    return coco


def test_one_image_is_not_compared_with_itself(coco: CocoFolder) -> None:
    sizes = pd.DataFrame({"frame_width": [10.0], "frame_height": [20.0]})
    assert size_words(sizes) == "the only one has 10x20 pixels"
    assert sharpness_words(pd.Series([5.0])) == ""
    assert sharpness_words(pd.Series([5.0, 5.1])).endswith("hardly sharper than the blurriest")
    del coco.documents["test"]
    (coco.path / "annotations" / "test.json").unlink()
    plot = plot_most_crowded(explore(one_image(coco).dataset()), pixels=False)
    assert plot is not None
    assert plot.caption == "The most crowded image has 1 box; it has 100.0% of all boxes."


def test_splits_of_one_image_are_not_said_to_be_alike(coco: CocoFolder) -> None:
    exploration = explore(one_image(coco).dataset())
    plot = plot_differences(exploration)
    assert plot is not None
    assert plot.caption == "With 1 image of train and 1 of test, no difference could be told from noise."
    assert "**Too few images to compare test with train**: 1 and 1." in conclusions(exploration)


def test_a_data_set_without_splits_has_none_of_that_name(coco: CocoFolder) -> None:
    (coco.path / "annotations" / "test.json").unlink()
    (coco.path / "annotations" / "train.json").rename(coco.path / "annotations" / "instances_default.json")
    exploration = explore(read_coco(coco.path))
    intros = {part.title: part.intro for part in sections(exploration, None, pixels=False)}
    assert intros["Splits"] == "The data set has no splits that could be compared."
    assert "**The data set has no splits**: make them so that no scene is in two of them." in conclusions(exploration)
    assert plot_boxes_per_image(exploration).caption.startswith("There are 2.00 boxes an image (95% interval")


def test_words_for_numbers_and_lists() -> None:
    assert [counted(n, "box", "boxes") for n in (0, 1, 2000)] == ["0 boxes", "1 box", "2,000 boxes"]
    assert some_words(list("abcde")) == "a, b, c, d and e"
    assert some_words(list("abcdefg")) == "a, b, c, d, e and 2 more"
