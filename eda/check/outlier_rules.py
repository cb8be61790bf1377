"""Rules on annotations that are unlike the others: boxes, images with far more boxes, images without a class."""

from collections.abc import Iterator
from itertools import chain, combinations
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from scipy import stats

MAX_Z = 3.5
"""Robust z-scores above it are outliers (Iglewicz and Hoaglin 1993)."""

MIN_FACTOR = 2.0
"""An outlier also differs from the median by this factor, or one pixel would be odd in a class of equal boxes."""

MIN_GROUP = 20
"""Boxes of a class, or images, that a median and its deviation need."""

MIN_SHARE = 0.9
"""A class is expected if the 95% interval (Wilson) of its share, in images with the same other classes, lies above."""

MAX_CONDITIONS = 30
"""Only this many classes, the most frequent, are paired as a condition: 200 classes would make 20,000 pairs."""


class Outlier(NamedTuple):
    """A row (of the boxes or the images, by the rule) that is unlike the others."""

    rule: str
    row: int
    message: str


def outlier_boxes(boxes: pd.DataFrame) -> Iterator[Outlier]:
    """Yield the boxes whose size or aspect is far from their class; `boxes` comes from `valid_boxes`."""
    for rule, column, title in (
        ("box-size-odd", "relative_size", "√(box area / photo area)"),
        ("box-aspect-odd", "aspect", "width / height"),
    ):
        medians, scores = robust_scores(boxes[column], boxes["class_name"].astype(str))
        for row in scores.index[scores.abs() > MAX_Z]:
            name = boxes.at[row, "class_name"]
            message = f"{title} is {boxes.at[row, column]:.3g}, the median of {name} is {medians[row]:.3g}"
            yield Outlier(rule, int(row), f"{message} (robust z {scores[row]:+.1f})")


def crowded_images(images: pd.DataFrame) -> Iterator[Outlier]:
    """Yield the images with far more boxes than the others; `images` has the column n_boxes."""
    counts = images["n_boxes"][images["n_boxes"] > 0].astype(float)
    medians, scores = robust_scores(counts, pd.Series("", index=counts.index))
    for row in scores.index[scores > MAX_Z]:
        message = f"{counts[row]:.0f} boxes, the median is {medians[row]:.0f} (robust z {scores[row]:+.1f})"
        yield Outlier("image-crowded", int(row), message)


def robust_scores(values: pd.Series, groups: pd.Series) -> tuple[pd.Series, pd.Series]:
    """Return each value's group median, and its robust z-score on a logarithmic scale within its group.

    z = 0.6745 (ln x - median) / MAD, with MAD the median absolute deviation; if that is 0, z = (ln x - median) /
    (1.2533 MeanAD), with the mean absolute deviation (Iglewicz and Hoaglin 1993). 0 in a group of fewer than MIN_GROUP,
    and for a value that differs from the median by less than MIN_FACTOR.
    """
    logs = np.log(values)
    groups = groups.loc[logs.index]
    medians = logs.groupby(groups).transform("median")
    deviation = logs - medians
    by_group = deviation.abs().groupby(groups)
    mad, mean = by_group.transform("median"), by_group.transform("mean")
    scale = (mad / 0.6745).where(mad > 0, 1.2533 * mean)
    usable = (by_group.transform("size") >= MIN_GROUP) & (deviation.abs() >= np.log(MIN_FACTOR))
    return np.exp(medians), (deviation / scale).where(usable, 0.0)


def missing_labels(boxes: pd.DataFrame) -> Iterator[Outlier]:
    """Yield the images without a class that nearly always comes with one or two classes that they show.

    Of the conditions that ask for one class, the one with the highest lower bound is named.
    """
    counts = pd.crosstab(boxes["image_row"], boxes["class_name"].astype(str))
    present, names = counts.to_numpy() > 0, list(counts.columns)
    best: dict[tuple[int, int], tuple[float, str]] = {}
    for condition in conditions(present):
        shown = present[:, condition].all(axis=1)
        for expected, bound, text in expected_classes(present[shown], names, condition):
            for position in np.flatnonzero(shown & ~present[:, expected]).tolist():
                key = (position, expected)
                best[key] = max(best.get(key, (0.0, "")), (bound, text))
    for (position, _), (_, text) in sorted(best.items()):
        yield Outlier("image-label-missing", int(counts.index[position]), text)


def conditions(present: np.ndarray[Any, np.dtype[np.bool_]]) -> Iterator[list[int]]:
    """Yield the classes, and the pairs of the most frequent classes, that images may show; columns of `present`."""
    frequent = np.argsort(-present.sum(axis=0), kind="stable")[:MAX_CONDITIONS]
    yield from map(list, chain(([n] for n in range(present.shape[1])), combinations(sorted(frequent.tolist()), 2)))


def expected_classes(
    present: np.ndarray[Any, np.dtype[np.bool_]], names: list[str], condition: list[int]
) -> Iterator[tuple[int, float, str]]:
    """Yield the classes that nearly all of these images show, each with its share's lower bound and a sentence.

    `present`: of the images that meet the condition, which show which class, shape (images, classes).
    """
    total = len(present)
    counts = present.sum(axis=0)
    for expected in np.flatnonzero((counts >= MIN_SHARE * total) & (counts < total)).tolist():
        found = stats.binomtest(int(counts[expected]), total).proportion_ci(0.95, "wilson")
        if found.low >= MIN_SHARE:
            others = " and ".join(names[n] for n in condition)
            text = (
                f"{others} but no {names[expected]}; {counts[expected]:,} of {total:,} images with {others} "
                f"show one (at least {100 * found.low:.0f}%)"
            )
            yield expected, float(found.low), text
