"""Where boxes are, which classes occur together and which overlap."""

import numpy as np
import numpy.typing as npt
import pandas as pd

from eda.measure.boxes import class_names
from eda.overlap import box_overlaps

GRID = 48
"""Cells of a heat map along each side of the image."""

COVERED = 0.5
"""Two boxes overlap if their intersection is at least this share of the smaller box."""


def heat_map(boxes: pd.DataFrame) -> npt.NDArray[np.float64]:
    """Return the share of boxes that cover each cell, shape (GRID, GRID), rows from the top."""
    centres = (np.arange(GRID) + 0.5) / GRID
    left, top = boxes["x"] / boxes["frame_width"], boxes["y"] / boxes["frame_height"]
    right = (boxes["x"] + boxes["w"]) / boxes["frame_width"]
    bottom = (boxes["y"] + boxes["h"]) / boxes["frame_height"]
    across = (centres >= left.to_numpy()[:, None]) & (centres < right.to_numpy()[:, None])
    down = (centres >= top.to_numpy()[:, None]) & (centres < bottom.to_numpy()[:, None])
    cover = np.einsum("nr,nc->rc", down.astype(float), across.astype(float))
    return np.asarray(cover / max(1, len(boxes)), dtype=np.float64)


def co_occurrence(boxes: pd.DataFrame) -> pd.DataFrame:
    """Return, of the images with the row's class, the share with the column's class.

    The diagonal is the share with two or more boxes of the class.
    """
    names = class_names(boxes)
    per_image = pd.crosstab(boxes["image_row"], boxes["class_name"]).reindex(columns=names, fill_value=0)
    present = per_image.gt(0)
    shares = {}
    for name in names:
        others = present[present[name]]
        row = others.mean() if len(others) else pd.Series(np.nan, index=names)
        row[name] = per_image.loc[others.index, name].ge(2).mean() if len(others) else np.nan
        shares[name] = row
    return pd.DataFrame(shares).T.rename_axis("images with")


def overlap_table(boxes: pd.DataFrame) -> pd.DataFrame:
    """Return the share of the row's boxes that overlap a box of the column's class (see COVERED)."""
    names = class_names(boxes)
    pairs = box_overlaps(boxes, boxes["image_row"])
    pairs = pairs[pairs["ios"] >= COVERED]
    of_class = boxes["class_name"].cat.codes
    marks = np.zeros((len(boxes), len(names)), dtype=bool)
    for one, other in (("first", "second"), ("second", "first")):
        marks[boxes.index.get_indexer(pairs[one]), of_class.loc[pairs[other]]] = True
    table = pd.DataFrame(marks, index=boxes.index, columns=names).groupby(boxes["class_name"], observed=False).mean()
    return table.reindex(names).rename_axis("boxes of")
