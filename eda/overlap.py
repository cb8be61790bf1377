"""The overlap of boxes, computed by the `supervision` library."""

import warnings
from typing import Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

with warnings.catch_warnings():
    # Without OpenCV, supervision warns on import that it draws with NumPy; only its box arithmetic is used here.
    warnings.filterwarnings("ignore", message="OpenCV .* is not installed", category=UserWarning)
    import supervision as sv


def overlaps(boxes: pd.DataFrame, measure: Literal["IOU", "IOS"] = "IOU") -> npt.NDArray[np.float64]:
    """Return the overlaps of the boxes of one image (columns x, y, w, h in pixels), shape (n, n), 0-1.

    IOU: intersection over union; IOS: intersection over the smaller box, 1 if it lies inside the other.
    """
    corners = boxes[["x", "y", "w", "h"]].to_numpy(dtype=float, copy=True)
    corners[:, 2:] += corners[:, :2]
    return np.asarray(sv.box_iou_batch(corners, corners, overlap_metric=measure), dtype=np.float64)
