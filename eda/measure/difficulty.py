"""Which pictures are likely to be hard for a detector, and which are the most crowded."""

import numpy as np
import pandas as pd

from eda.overlap import overlaps

REASONS = {
    "small boxes": "how small the median box is, relative to the photo",
    "overlap": "the mean, over boxes, of the largest IoU with another box",
    "blur": "how low the sharpness is",
    "darkness": "how low the brightness is",
}


def difficulty(images: pd.DataFrame, boxes: pd.DataFrame) -> pd.DataFrame:
    """Return pictures with boxes and a photo, the hardest first: each of REASONS as a rank 0-1, and the mean.

    Columns: those of REASONS, score (the mean of the four) and n_boxes. A rank says how many of the
    pictures are easier in that respect: a way to order pictures of this set, not a measure that compares
    between sets.
    """
    usable = images[images["n_boxes"].gt(0) & images["state"].eq("ok") & images.index.isin(boxes["image_row"])]
    groups = boxes.groupby("image_row")
    raw = pd.DataFrame(
        {
            "small boxes": -groups["relative_size"].median(),
            "overlap": pd.Series({row: mean_largest_iou(group) for row, group in groups}, dtype=float),
            "blur": -usable["sharpness"],
            "darkness": -usable["brightness"],
        }
    ).loc[usable.index]
    ranks = raw.rank(pct=True)
    ranks["score"] = ranks[list(REASONS)].mean(axis=1)
    return ranks.join(usable["n_boxes"]).sort_values("score", ascending=False)


def mean_largest_iou(boxes: pd.DataFrame) -> float:
    """Return the mean over boxes of one picture of the largest IoU with another one; 0 for a single box."""
    if len(boxes) < 2:
        return 0.0
    ious = overlaps(boxes)
    np.fill_diagonal(ious, 0)
    return float(ious.max(axis=1).mean())
