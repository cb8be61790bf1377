"""Class frequencies with confidence intervals."""

import numpy as np
import pandas as pd
from scipy import stats

from eda.measure.boxes import class_names

CONFIDENCE = 0.95
RESAMPLES = 2000
BATCH = 100
"""Resamples in memory at a time: at 20,000 images 16 MB."""


def class_table(images: pd.DataFrame, boxes: pd.DataFrame) -> pd.DataFrame:
    """Return one row for each class: boxes, images, and their shares with 95% confidence intervals.

    Index: class. Columns: boxes, images (counts); box_share with box_low, box_high from a bootstrap over *images*
    (boxes of one image are not independent); image_share with image_low, image_high from Wilson's score interval.
    """
    per_image = pd.crosstab(boxes["image_row"], boxes["class_name"]).reindex(
        index=images.index, columns=class_names(boxes), fill_value=0
    )
    counts = per_image.sum()
    with_class = per_image.gt(0).sum()
    low, high = bootstrap_shares(per_image.to_numpy())
    wilson = [stats.binomtest(int(k), len(images)).proportion_ci(CONFIDENCE, "wilson") for k in with_class]
    return pd.DataFrame(
        {
            "boxes": counts,
            "images": with_class,
            "box_share": counts / max(1, counts.sum()),
            "box_low": low,
            "box_high": high,
            "image_share": with_class / len(images),
            "image_low": [interval.low for interval in wilson],
            "image_high": [interval.high for interval in wilson],
        }
    ).rename_axis("class")


def bootstrap_shares(per_image: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the bootstrap interval (95%, percentile, seeded) of each class's share of all boxes, resampling images.

    `per_image`: counts, shape (images, classes). Returns the low and the high ends, each of shape (classes,).
    """
    n = len(per_image)
    rng, even = np.random.default_rng(0), np.full(n, 1 / n)
    draws = np.concatenate([rng.multinomial(n, even, size=BATCH) @ per_image for _ in range(RESAMPLES // BATCH)])
    shares = draws / np.maximum(1, draws.sum(axis=1, keepdims=True))
    tail = (1 - CONFIDENCE) / 2
    low, high = np.quantile(shares, [tail, 1 - tail], axis=0)
    return low, high


def mean_interval(values: pd.Series) -> tuple[float, float, float]:
    """Return the mean and its 95 % bootstrap interval (percentile, seeded)."""
    mean = float(values.mean())
    if values.nunique() < 2:
        return mean, mean, mean
    found = stats.bootstrap(
        (values.to_numpy(),),
        np.mean,
        n_resamples=RESAMPLES,
        batch=BATCH,
        confidence_level=CONFIDENCE,
        method="percentile",
        rng=np.random.default_rng(0),
    ).confidence_interval
    return mean, float(found.low), float(found.high)
