"""The share of images that a rule names, in a comparison: one finding may name many images, and a pair only its own."""

from collections.abc import Callable
from pathlib import Path

import pytest

from eda.compare.differences import compare
from eda.compare.side import read_side
from tests.unit.eda.faults import copy_image, turn_box
from tests.unit.eda.folder import CocoFolder


def other_names(coco: CocoFolder) -> None:
    for image in coco.documents["train"]["images"]:
        image["file_name"] = image["file_name"].upper()


def no_areas(coco: CocoFolder) -> None:
    for document in coco.documents.values():
        for box in document["annotations"]:
            del box["area"]


@pytest.mark.parametrize(
    ("plant", "title", "share"),
    [
        (other_names, "A photo under another name than annotated", 2 / 4),
        (no_areas, "A box without an area", 4 / 4),
        (turn_box, "A box that is annotated as turned", 1 / 4),
        (lambda coco: copy_image(coco, 1, 2), "The same file twice in a split", 1 / 4),
    ],
)
def test_share_of_images_that_a_rule_names(
    coco: CocoFolder, tmp_path: Path, plant: Callable[[CocoFolder], None], title: str, share: float
) -> None:
    plant(coco)
    coco.save()
    table = compare(read_side(coco.path), read_side(CocoFolder(tmp_path / "valid").path)).set_index("comparison")
    assert table.loc[title, ["first", "second"]].to_list() == [share, 0]
