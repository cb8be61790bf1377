"""Rules on classes: too few images or boxes, and strong imbalance."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import pandas as pd

MIN_IMAGES = 100
"""In a smaller data set every class is rare, and no rule says so again for each."""

RARE_IMAGES = 10
"""LVIS calls a class with at most this many training images rare (Gupta et al. 2019)."""

MIN_BOXES = 96
"""Boxes of a class in a split from which a recall is known within 10 points: 1.96 √(0.25 / n) ≤ 0.1."""

MAX_IMBALANCE = 10.0
"""Boxes of the most frequent class for each box of another."""


class ClassFinding(NamedTuple):
    """A class that breaks `rule`; `split` is empty if it does in the whole data set."""

    rule: str
    split: str
    message: str


def class_findings(images: pd.DataFrame, boxes: pd.DataFrame) -> Iterator[ClassFinding]:
    """Yield the classes that are rare; `images` and `boxes` come from `valid_images` and `valid_boxes`."""
    if len(images) < MIN_IMAGES or boxes.empty:
        return
    names = boxes["class_name"]
    with_class = boxes.groupby("class_name", observed=False)["image_row"].nunique()
    for name, count in with_class.items():
        if count <= RARE_IMAGES:
            yield ClassFinding("class-few-images", "", f"{name}: {count} of {len(images):,} images show it")
    counts = pd.crosstab(boxes["split"], names, dropna=False)
    for split, row in counts.iterrows():
        for name, count in row.items():
            if count < MIN_BOXES:
                yield ClassFinding("class-few-boxes", str(split), few_boxes(str(name), int(count)))
    totals = counts.sum()
    largest = totals.idxmax()
    for name, count in totals.items():
        if count and totals[largest] > MAX_IMBALANCE * count:
            ratio = totals[largest] / count
            yield ClassFinding(
                "class-imbalance", "", f"{name}: {count:,} boxes, {largest} has {ratio:.0f} times as many"
            )


def few_boxes(name: str, count: int) -> str:
    """Return a sentence on what can be measured with `count` boxes of a class."""
    if count == 0:
        return f"{name}: no box, so its recall cannot be measured"
    return f"{name}: {count} boxes; a recall of 50% is known to ±{min(50, 100 * recall_margin(count)):.0f} points"


def recall_margin(boxes: int) -> float:
    """Return half the width of the 95% interval of a recall of one half that is measured on so many boxes, 0-1."""
    return float(1.96 * np.sqrt(0.25 / boxes))
