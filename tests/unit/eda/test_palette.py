"""Colours for any number of classes and splits."""

import pytest

from eda.explore import explore
from eda.plots.palette import MAX_CLASSES, MAX_NAME, OTHERS_COLOUR, short_names, split_colours, view_classes
from tests.unit.eda.folder import CocoFolder


def with_classes(coco: CocoFolder, count: int) -> CocoFolder:
    """Give the folder `count` classes; class n has a box in each image for every number up to n that fits."""
    for document in coco.documents.values():
        document["categories"] = [{"id": n, "name": f"class {n}"} for n in range(count)]
        document["annotations"] = [
            {"id": 0, "image_id": image["id"], "category_id": n, "bbox": [n % 20, copy % 20, 30, 30], "area": 900}
            for image in document["images"]
            for n in range(count)
            for copy in range(n + 1)
        ]
        for number, box in enumerate(document["annotations"]):
            box["id"] = number
    return coco


@pytest.mark.parametrize("count", [1, 2, 5, MAX_CLASSES])
def test_few_classes_keep_their_order(coco: CocoFolder, count: int) -> None:
    view = view_classes(explore(with_classes(coco, count).dataset()))
    assert view.names == [f"class {n}" for n in range(count)]
    assert len(set(view.colours.values())) == count


def test_of_many_classes_the_smallest_are_one_group(coco: CocoFolder) -> None:
    count = MAX_CLASSES + 3
    exploration = explore(with_classes(coco, count).dataset())
    view = view_classes(exploration)
    largest = [f"class {n}" for n in range(count - 1, count - MAX_CLASSES, -1)]
    assert view.names == [*largest, "4 others"]
    assert view.colours["4 others"] == OTHERS_COLOUR
    assert len(set(view.colours.values())) == MAX_CLASSES
    counts = view.boxes["class_name"].value_counts()
    assert counts["4 others"] == 4 * (1 + 2 + 3 + 4)
    assert counts.sum() == len(exploration.boxes)


def test_a_class_that_is_named_like_the_group_of_others(coco: CocoFolder) -> None:
    with_classes(coco, MAX_CLASSES + 3)
    for document in coco.documents.values():
        document["categories"][-1]["name"] = "4 others"
    view = view_classes(explore(coco.dataset()))
    assert (view.names[0], view.names[-1], len(set(view.colours.values()))) == ("4 others", "(4 others)", MAX_CLASSES)


@pytest.mark.parametrize(
    "splits",
    [
        ["train", "test"],
        ["train", "val", "test"],
        ["train", "valid", "test", "test-dev"],
        ["train1", "train2", "val1", "val2", "a", "b"],
        [f"fold {n}" for n in range(20)],
    ],
)
def test_each_split_has_a_colour_of_its_own(splits: list[str]) -> None:
    colours = split_colours(splits)
    assert list(colours) == splits
    assert len(set(colours.values())) == len(splits)


def test_long_names_are_shortened_and_stay_apart() -> None:
    names = ["Mask", *(f"a class with a longer name, number {n} of many" for n in range(12)), "x" * MAX_NAME]
    short = short_names(names)
    assert short["Mask"] == "Mask"
    assert short["x" * MAX_NAME] == "x" * MAX_NAME
    assert short[names[1]] == "a class with a longer n…"
    assert short[names[2]] == "a class with a longer n… (2)"
    assert len(set(short.values())) == len(names)
    assert max(map(len, short.values())) <= MAX_NAME + len(" (12)")


def test_plots_show_short_names(coco: CocoFolder) -> None:
    for document in coco.documents.values():
        document["categories"][0]["name"] = "a helmet of the older kind, with a visor"
    view = view_classes(explore(coco.dataset()))
    assert view.names[0] == "a helmet of the older k…"
    assert view.boxes["class_name"].iloc[0] == view.names[0]
