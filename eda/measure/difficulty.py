"""Rank images by how hard they are likely to be for a detector."""

import numpy as np
import pandas as pd

from eda.overlap import overlaps

REASONS = {
    "small boxes": "the median relative box size, smallest first",
    "overlap": "the mean over boxes of the maximum IoU with another box",
    "blur": "the sharpness, lowest first",
    "darkness": "the brightness, lowest first",
}


def difficulty(images: pd.DataFrame, boxes: pd.DataFrame) -> pd.DataFrame:
    """Return the readable images with boxes, hardest first.

    Columns: REASONS as percentile ranks (0-1, 1 is hardest), score (their mean) and n_boxes. Ranks order the images of
    one data set; they do not compare between data sets.
    """
    usable = images[images["n_boxes"].gt(0) & images["state"].eq("ok") & images.index.isin(boxes["image_row"])]
    groups = boxes.groupby("image_row")
    raw = pd.DataFrame(
        {
            "small boxes": -groups["relative_size"].median(),
            "overlap": pd.Series({row: mean_max_iou(group) for row, group in groups}, dtype=float),
            "blur": -usable["sharpness"],
            "darkness": -usable["brightness"],
        }
    ).loc[usable.index]
    ranks = raw.rank(pct=True)
    ranks["score"] = ranks[list(REASONS)].mean(axis=1)
    return ranks.join(usable["n_boxes"]).sort_values("score", ascending=False)


def mean_max_iou(boxes: pd.DataFrame) -> float:
    """Return the mean over the boxes of one image of the maximum IoU with another box; 0 for a single box."""
    if len(boxes) < 2:
        return 0.0
    ious = overlaps(boxes)
    np.fill_diagonal(ious, 0)
    return float(ious.max(axis=1).mean())
