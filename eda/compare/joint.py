"""Both sides as one exploration, so that what reads and draws images can be used for both."""

from dataclasses import dataclass

import pandas as pd

from eda.compare.side import Side
from eda.dataset import IMAGES, Dataset, ImageFiles
from eda.explore import Exploration
from eda.read.tables import boxes_frame

NAMES = ("A", "B")
"""The splits of the joint exploration: its sides."""


@dataclass(frozen=True)
class JointFiles:
    """The files of both sides; the rows of the second begin at `start`."""

    first: ImageFiles
    second: ImageFiles
    start: int

    def read(self, row: int) -> bytes:
        return self.first.read(row) if row < self.start else self.second.read(row - self.start)

    def unlisted(self) -> list[str]:
        return []


def join(first: Side, second: Side) -> Exploration:
    """Return the images and boxes of two sides with their data as one exploration without findings."""
    if first.dataset is None or second.dataset is None:
        raise ValueError("a report has no images to read")
    start = int(first.images.index.max()) + 1
    classes = tuple(dict.fromkeys((*first.classes, *second.classes)))
    sides = list(zip(NAMES, (first, second), (0, start), strict=True))
    images = pd.concat(
        [side.images.set_index(side.images.index + shift).assign(split=name) for name, side, shift in sides]
    )
    boxes = pd.concat(
        [
            side.boxes.assign(
                split=name,
                image_row=side.boxes["image_row"] + shift,
                class_name=side.boxes["class_name"].astype(str),
            )
            for name, side, shift in sides
        ],
        ignore_index=True,
    )
    files = JointFiles(first.dataset.files, second.dataset.files, start)
    synthetic = first.synthetic or second.synthetic
    return Exploration(
        dataset=Dataset(images[list(IMAGES.columns)], boxes_frame([]), files, "A and B", synthetic, classes, "A and B"),
        findings=pd.DataFrame({"rule": [], "image_rows": []}),
        images=images,
        boxes=boxes.assign(class_name=pd.Categorical(boxes["class_name"], categories=list(classes))),
        compared=None,
        differences=pd.DataFrame(),
        hardest=pd.DataFrame(),
    )
