"""Boxes that look like another class."""

from eda.embeddings.labels import MIN_BOXES, doubtful_boxes
from eda.embeddings.neighbours import reduce
from eda.embeddings.trial.swaps import find_swaps
from tests.unit.eda.features import blobs, boxes_of


def test_swapped_labels_are_found() -> None:
    vectors, groups = blobs((60, 60, 60))
    found = find_swaps(reduce(vectors), boxes_of(groups), seeds=2)
    assert found["flagged without swaps"] == 0
    assert found["precision"] >= 0.9
    assert found["recall"] >= 0.9


def test_a_doubtful_box_names_both_classes() -> None:
    vectors, groups = blobs((40, 40))
    boxes = boxes_of(groups)
    boxes.loc[3, "class_name"] = "b"
    doubtful = doubtful_boxes(reduce(vectors), boxes)
    assert list(doubtful.index) == [3]
    row = doubtful.loc[3]
    assert (row["label"], row["predicted"], row["votes"], row["voters"]) == ("b", "a", 10, 10)
    assert row["other"] - row["own"] > 0.5


def test_a_class_with_few_boxes_is_not_judged() -> None:
    vectors, groups = blobs((40, MIN_BOXES - 1))
    assert doubtful_boxes(reduce(vectors), boxes_of(groups)).empty
    vectors, groups = blobs((40, 40, MIN_BOXES - 1))
    assert doubtful_boxes(reduce(vectors), boxes_of(groups)).empty
