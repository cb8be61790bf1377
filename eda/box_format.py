"""Recognise boxes that are not in COCO's format: x, y of the upper left corner, width and height, in pixels."""

import pandas as pd

MIN_BOXES = 6
"""Fewer boxes of a split say too little."""

MOST = 0.99
"""Nearly all boxes of a split must fit the other format."""

MIN_PAST = 0.1
"""At least this share of the boxes must lie past their photo as COCO's format reads them."""

TOLERANCE = 1.0
"""Pixels, and square pixels for areas."""


def foreign_formats(boxes: pd.DataFrame) -> dict[str, str]:
    """Return for each split whose boxes are in another format a sentence that names it.

    `boxes` needs split, x, y, w, h, area, frame_width and frame_height (pixels, null if unknown).
    """
    found = {str(split): foreign_format(group) for split, group in boxes.groupby("split", sort=False)}
    return {split: sentence for split, sentence in found.items() if sentence}


def foreign_format(boxes: pd.DataFrame) -> str:
    """Return a sentence that names the format of one split's boxes, or "" if it is COCO's or cannot be told.

    Shares: every value is at most 1. Corners: as x1, y1, x2, y2 the boxes lie on their photos, while as COCO's many
    reach past them or have another `area`. Centres: the same with x, y as the centre.
    """
    boxes = boxes.dropna(subset=["x", "y", "w", "h"])
    if len(boxes) < MIN_BOXES:
        return ""
    x, y, w, h = (boxes[name] for name in ("x", "y", "w", "h"))
    width, height = boxes["frame_width"] + TOLERANCE, boxes["frame_height"] + TOLERANCE
    if (boxes[["x", "y", "w", "h"]].abs().le(1).all(axis=1) & (w > 0) & (h > 0)).mean() >= MOST:
        return sentence(boxes, "shares of the photo's size, between 0 and 1")
    past = ((x + w > width) | (y + h > height)).mean()
    corners = (w > x) & (h > y) & (x >= -TOLERANCE) & (y >= -TOLERANCE) & (w <= width) & (h <= height)
    area_of_corners = ((w - x) * (h - y) - boxes["area"]).abs() <= TOLERANCE
    area_of_size = (w * h - boxes["area"]).abs() <= TOLERANCE
    if corners.mean() >= MOST and (past >= MIN_PAST or (area_of_corners & ~area_of_size).mean() >= MOST):
        return sentence(boxes, "corners: x1, y1, x2, y2")
    centres = (x >= w / 2 - TOLERANCE) & (y >= h / 2 - TOLERANCE) & (x + w / 2 <= width) & (y + h / 2 <= height)
    if centres.mean() >= MOST and past >= MIN_PAST:
        return sentence(boxes, "a centre, a width and a height")
    return ""


def sentence(boxes: pd.DataFrame, meaning: str) -> str:
    first = ", ".join(f"{boxes[name].iloc[0]:g}" for name in ("x", "y", "w", "h"))
    return f"{len(boxes):,} boxes look like {meaning} (the first is {first}), not x, y, width, height in pixels"
