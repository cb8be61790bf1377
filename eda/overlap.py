"""The overlap of boxes of one image."""

import numpy as np
import numpy.typing as npt
import pandas as pd


def pairs_within(groups: npt.NDArray[np.generic]) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Return the positions of every two members of a group, the earlier one first; group labels of shape (n,) in."""
    order = np.argsort(groups, kind="stable")
    _, inverse, sizes = np.unique(groups[order], return_inverse=True, return_counts=True)
    position = np.arange(len(order))
    followers = np.cumsum(sizes)[inverse] - position - 1
    first = np.repeat(position, followers)
    within = np.arange(len(first)) - np.repeat(np.cumsum(followers) - followers, followers)
    return order[first], order[first + 1 + within]


def box_overlaps(boxes: pd.DataFrame, images: pd.Series) -> pd.DataFrame:
    """Return the pairs of boxes of one image that overlap, the earlier box first.

    `boxes` needs x, y, w and h in pixels, with positive sides; `images` labels the image of each. Columns: first,
    second (row labels of `boxes`), iou (intersection over union) and ios (intersection over the smaller box, 1 if it
    lies inside the other).
    """
    first, second = pairs_within(images.to_numpy())
    low = boxes[["x", "y"]].to_numpy(dtype=float)
    sides = boxes[["w", "h"]].to_numpy(dtype=float)
    high, areas = low + sides, sides.prod(axis=1)
    shared = np.minimum(high[first], high[second]) - np.maximum(low[first], low[second])
    area = np.maximum(shared, 0).prod(axis=1)
    smaller = np.minimum(areas[first], areas[second])
    # The larger box plus what the smaller one adds: no difference of large numbers.
    union = np.maximum(areas[first], areas[second]) + (smaller - area)
    pairs = pd.DataFrame(
        {
            "first": boxes.index.to_numpy()[first],
            "second": boxes.index.to_numpy()[second],
            "iou": area / union,
            "ios": area / smaller,
        }
    )
    return pairs[area > 0]
