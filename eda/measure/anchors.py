"""The anchors and the input size that the box sizes suggest."""

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.cluster.vq import kmeans2

INPUT_SIZES = (320, 416, 512, 640, 800, 1024, 1280)
"""Pixels along the longer side; sizes that detectors commonly use."""

FINEST_STRIDE = 8
"""Input pixels for each cell of the finest feature map that common detectors predict from (P3)."""

MAX_THIN_SHARE = 0.05
"""At the suggested input size, at most this share of boxes is thinner than two cells of the finest map (16 pixels). In
thinner boxes, neighbouring objects share a cell."""

ANCHOR_COUNTS = (1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 12)
USUAL_ANCHORS = 9
"""Three for each of three feature maps (YOLOv3)."""


def scaled_sides(boxes: pd.DataFrame, longer_side: int) -> npt.NDArray[np.float64]:
    """Return widths and heights in pixels, shape (n, 2), with the image's longer side scaled to `longer_side`."""
    scale = longer_side / boxes[["frame_width", "frame_height"]].max(axis=1)
    return np.asarray(boxes[["w", "h"]].mul(scale, axis=0).to_numpy(dtype=float))


def input_size_table(boxes: pd.DataFrame) -> pd.DataFrame:
    """Return for each of INPUT_SIZES the share of boxes whose shorter side is under one, two and four cells.

    Index: input size in pixels. Columns: under_1, under_2, under_4 (shares; a cell has FINEST_STRIDE pixels).
    """
    rows = {}
    for size in INPUT_SIZES:
        shorter = scaled_sides(boxes, size).min(axis=1)
        rows[size] = {f"under_{cells}": float((shorter < cells * FINEST_STRIDE).mean()) for cells in (1, 2, 4)}
    return pd.DataFrame(rows).T.rename_axis("input size")


def suggested_input_size(table: pd.DataFrame) -> int | None:
    """Return the smallest input size within MAX_THIN_SHARE, or None."""
    fitting = table.index[table["under_2"] <= MAX_THIN_SHARE]
    return int(fitting[0]) if len(fitting) else None


def fit_anchors(sides: npt.NDArray[np.float64], count: int) -> npt.NDArray[np.float64]:
    """Return `count` anchors (width, height in pixels, shape (count, 2)), smallest first.

    k-means (scipy, k-means++ start, seeded) on log width and log height, so that distances are ratios of sizes.
    """
    start = np.random.default_rng(0)
    centres, _ = kmeans2(np.log(sides), count, iter=100, minit="++", seed=start, missing="raise")
    anchors = np.exp(centres)
    return np.asarray(anchors[np.argsort(anchors.prod(axis=1))], dtype=np.float64)


def best_iou(sides: npt.NDArray[np.float64], anchors: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return each box's IoU with its best anchor, both centred on one point; shape (n,)."""
    shared = np.minimum(sides[:, None, :], anchors[None, :, :]).prod(axis=2)
    union = sides.prod(axis=1)[:, None] + anchors.prod(axis=1)[None, :] - shared
    return np.asarray((shared / union).max(axis=1), dtype=np.float64)


def anchor_table(boxes: pd.DataFrame, longer_side: int) -> pd.DataFrame:
    """Return for each number of anchors the mean IoU with the best anchor, and the share of boxes above 0.5.

    Index: ANCHOR_COUNTS up to the number of distinct boxes.
    """
    sides = scaled_sides(boxes, longer_side)
    distinct = len(np.unique(sides.round(3), axis=0))
    rows = {}
    for count in [n for n in ANCHOR_COUNTS if n <= distinct]:
        fit = best_iou(sides, fit_anchors(sides, count))
        rows[count] = {"mean_iou": float(fit.mean()), "above_half": float((fit > 0.5).mean())}
    return pd.DataFrame(rows).T.rename_axis("anchors")
