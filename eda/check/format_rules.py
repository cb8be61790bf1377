"""Boxes that are likely in another format than COCO's left, top, width and height."""

from collections.abc import Iterator
from typing import NamedTuple

import pandas as pd

from eda.check.row_rules import overshoot

MIN_BOXES = 2
"""Boxes of an image that must agree: one box past the edge says nothing about its format."""

MIN_OVERSHOOT = 0.02
"""Of the photo's longer side; a box that was drawn a few pixels past the edge is no other format."""


class FormatFinding(NamedTuple):
    row: int
    message: str


def foreign_boxes(boxes: pd.DataFrame) -> Iterator[FormatFinding]:
    """Yield the boxes that make sense in another format only.

    `boxes` needs x, y, w, h, split, image_id, frame_width and frame_height. Between 0 and 1: each box on its own.
    Corners or centres: all boxes of an image lie inside the photo if read so, and at least half of them, MIN_BOXES or
    more, lie far outside as they stand.
    """
    known = boxes[boxes[["x", "y", "w", "h", "frame_width"]].notna().all(axis=1) & boxes["w"].gt(0) & boxes["h"].gt(0)]
    shares = known[["x", "y"]].ge(0).all(axis=1) & known[["x", "y", "w", "h"]].le(1).all(axis=1)
    for row in known.index[shares & known["frame_width"].gt(1)]:
        yield FormatFinding(int(row), "all four numbers are between 0 and 1: probably shares of the photo's size")
    known = known[~shares]
    longer = known[["frame_width", "frame_height"]].max(axis=1)
    outside = overshoot(known, "frame_width", "frame_height") > MIN_OVERSHOOT * longer
    images = [known["split"], known["image_id"]]
    count, far = outside.groupby(images).transform("size"), outside.groupby(images).transform("sum")
    suspicious = (count >= MIN_BOXES) & (far >= MIN_BOXES) & (2 * far >= count)
    corners = fits(known.assign(w=known["w"] - known["x"], h=known["h"] - known["y"])).groupby(images).transform("all")
    centres = known.assign(x=known["x"] - known["w"] / 2, y=known["y"] - known["h"] / 2)
    centred = fits(centres).groupby(images).transform("all")
    for chosen, name in (
        (suspicious & corners, "two corners"),
        (suspicious & ~corners & centred, "a centre and a size"),
    ):
        for row in known.index[chosen]:
            n, total = int(far[row]), int(count[row])
            text = f"{n} of the {total} boxes of this photo lie far outside it; read as {name}, all lie inside"
            yield FormatFinding(int(row), text)


def fits(boxes: pd.DataFrame) -> pd.Series:
    """Return which boxes have positive sides and lie inside the photo, within a pixel."""
    inside = overshoot(boxes, "frame_width", "frame_height") <= 1
    return boxes["w"].gt(0) & boxes["h"].gt(0) & inside
