"""Rank images by how hard they are likely to be for a detector."""

import pandas as pd

from eda.overlap import box_overlaps

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
            "overlap": mean_max_iou(boxes),
            "blur": -usable["sharpness"],
            "darkness": -usable["brightness"],
        }
    ).loc[usable.index]
    ranks = raw.rank(pct=True)
    ranks["score"] = ranks[list(REASONS)].mean(axis=1)
    return ranks.join(usable["n_boxes"]).sort_values("score", ascending=False)


def mean_max_iou(boxes: pd.DataFrame) -> pd.Series:
    """Return for each image_row the mean over its boxes of the maximum IoU with another box; 0 for a single box."""
    pairs = box_overlaps(boxes, boxes["image_row"])
    either = pd.concat([pairs.set_index("first")["iou"], pairs.set_index("second")["iou"]])
    highest = either.groupby(level=0).max().reindex(boxes.index, fill_value=0.0)
    return highest.groupby(boxes["image_row"]).mean()
