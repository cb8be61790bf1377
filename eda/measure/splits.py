"""Two splits compared: which differences are significant."""

import math
from typing import Any

import pandas as pd
from scipy import stats

from eda.dataset import SPLIT_KINDS, split_rank
from eda.measure.boxes import class_names

TEST_RANK = SPLIT_KINDS.index("test")

FALSE_DISCOVERIES = 0.05
"""False discovery rate of the differences called significant (Benjamini and Hochberg 1995)."""

SHOWS = "shows "
"""Columns of `per_image` with this prefix tell whether an image shows a class. The prefix keeps a class that is named
like another column ("width") apart."""

QUANTITIES = {
    "boxes per image": "n_boxes",
    "median relative box size": "median_size",
    "share of small boxes": "small_share",
    "megapixels": "megapixels",
    "image aspect (width / height)": "image_aspect",
    "brightness": "brightness",
    "contrast": "contrast",
    "sharpness": "sharpness",
}


def per_image(images: pd.DataFrame, boxes: pd.DataFrame) -> pd.DataFrame:
    """Return the images with every column of QUANTITIES and one boolean column SHOWS + class for each."""
    groups = boxes.groupby("image_row")
    present = pd.crosstab(boxes["image_row"], boxes["class_name"]).gt(0)
    present = present.reindex(index=images.index, columns=class_names(boxes), fill_value=False).add_prefix(SHOWS)
    pixels = images["frame_width"] * images["frame_height"]
    return images.assign(
        median_size=groups["relative_size"].median(),
        small_share=groups["size_class"].agg(lambda sizes: (sizes == "small").mean()),
        megapixels=pixels / 1e6,
        image_aspect=images["frame_width"] / images["frame_height"],
    ).join(present)


def compared_splits(splits: list[str]) -> tuple[str, str] | None:
    """Return the two splits to compare: the first, and test, or else the second; None if there is only one.

    `splits` is in the order of `Dataset.splits`: training, validation, test, others.
    """
    if len(splits) < 2:
        return None
    return splits[0], next((name for name in splits[1:] if split_rank(name) == TEST_RANK), splits[1])


def compare_splits(images: pd.DataFrame, first: str, second: str) -> pd.DataFrame:
    """Compare two splits, the smallest p first; return an empty table if one has no image.

    `images` comes from `per_image`. The samples are images, because boxes of one image are not independent.

    Quantities: Mann-Whitney U test, effect = Cliff's delta (-1..1, positive if larger in `second`).
    Classes (share of images that show one): Fisher's exact test, effect = difference of the shares.
    p is adjusted for the number of comparisons (false discovery rate); significant: p below FALSE_DISCOVERIES.
    """
    a, b = images[images["split"] == first], images[images["split"] == second]
    if a.empty or b.empty:
        return pd.DataFrame()
    rows = [quantity_row(title, a[column].dropna(), b[column].dropna()) for title, column in QUANTITIES.items()]
    rows += [class_row(name.removeprefix(SHOWS), a[name], b[name]) for name in images if name.startswith(SHOWS)]
    table = pd.DataFrame([row for row in rows if row])
    table = table.sort_values("p", ignore_index=True)
    table["p"] = stats.false_discovery_control(table["p"])
    table["significant"] = table["p"] < FALSE_DISCOVERIES
    return table


def split_counts(images: pd.DataFrame, first: str, second: str) -> tuple[int, int]:
    """Return the number of images in two splits."""
    counts = images["split"].value_counts()
    return int(counts.get(first, 0)), int(counts.get(second, 0))


def lowest_p(first: int, second: int) -> float:
    """Return the lowest p that an exact test of so many images of two samples can have: that of one way to split them.

    If it is not below FALSE_DISCOVERIES, the samples are too small for any difference to be significant.
    """
    return 1 / math.comb(first + second, first)


def quantity_row(title: str, a: pd.Series, b: pd.Series) -> dict[str, Any]:
    """Return means, effect and p of one quantity, or {} if a split has no value of it."""
    if a.empty or b.empty:
        return {}
    test = stats.mannwhitneyu(b, a)
    delta = 2 * test.statistic / (len(a) * len(b)) - 1
    # With ties, scipy takes the normal distribution, which for one image against many equal ones is far too certain.
    p = min(1.0, max(float(test.pvalue), 2 * lowest_p(len(a), len(b))))
    return {"comparison": title, "first": a.mean(), "second": b.mean(), "effect": delta, "p": p}


def class_row(name: str, a: pd.Series, b: pd.Series) -> dict[str, Any]:
    """Return the shares of images that show a class, their difference and p."""
    counts = [[int(b.sum()), int((~b).sum())], [int(a.sum()), int((~a).sum())]]
    shares = float(a.mean()), float(b.mean())
    return {
        "comparison": f"images with {name}",
        "first": shares[0],
        "second": shares[1],
        "effect": shares[1] - shares[0],
        "p": stats.fisher_exact(counts).pvalue,
    }
