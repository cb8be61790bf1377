"""Rules that need two rows: duplicate images and duplicate boxes."""

from collections.abc import Iterator
from itertools import combinations
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy.spatial.distance import pdist, squareform

from eda.check.rules import NEAR_DUPLICATE_BITS, NEAR_DUPLICATE_IOU
from eda.overlap import overlaps

MIN_CONTRAST = 0.01
"""Standard deviation of luma (0-1): flatter photos are blank, and their perceptual hashes say nothing."""


MAX_SIDE = 1e9
"""Pixels: larger boxes are mistakes whose areas would overflow."""


class PairFinding(NamedTuple):
    """A pair that breaks `rule`; `row` and `other` are row labels of their table, `other` the earlier one."""

    rule: str
    row: int
    other: int
    message: str


def image_pairs(images: pd.DataFrame) -> Iterator[PairFinding]:
    """Yield pairs of duplicate images: the same bytes, or perceptual hashes within NEAR_DUPLICATE_BITS.

    `images` needs split, state, sha256 and phash. In a pair across splits, `other` is the training image, because
    the training split comes first in the table.
    """
    decoded = images[images["state"].eq("ok")]
    blank = decoded["contrast"].lt(MIN_CONTRAST).to_numpy()
    if len(decoded) < 2:
        return
    bits = np.array([hash_bits(text) for text in decoded["phash"]])
    distances = np.rint(squareform(pdist(bits, "hamming")) * bits.shape[1]).astype(int)
    first, second = np.nonzero(np.triu(distances <= NEAR_DUPLICATE_BITS, k=1))
    for i, j in zip(first, second, strict=True):
        a, b = decoded.iloc[i], decoded.iloc[j]
        same_file = a.sha256 == b.sha256
        if not same_file and (blank[i] or blank[j]):
            continue
        kind = "duplicate" if same_file else "near-duplicate"
        where = "photo" if a.split == b.split else "leak"
        message = "the files are byte for byte the same" if same_file else f"{distances[i, j]} of 64 hash bits differ"
        yield PairFinding(f"{where}-{kind}", int(b.name), int(a.name), message)


def hash_bits(text: str) -> list[bool]:
    """Return a hexadecimal 64-bit hash as its bits."""
    return [bit == "1" for bit in f"{int(text, 16):064b}"]


def box_pairs(boxes: pd.DataFrame) -> Iterator[PairFinding]:
    """Yield pairs of overlapping boxes of one image; `boxes` follows the schema BOXES."""
    measurable = boxes[boxes[["w", "h"]].gt(0).all(axis=1) & boxes[["x", "y", "w", "h"]].abs().lt(MAX_SIDE).all(axis=1)]
    for _, group in measurable.groupby(["split", "image_id"], sort=False):
        ious = overlaps(group)
        for i, j in combinations(range(len(group)), 2):
            if ious[i, j] > NEAR_DUPLICATE_IOU:
                yield classify_pair(group.iloc[i], group.iloc[j], float(ious[i, j]))


def classify_pair(a: pd.Series, b: pd.Series, iou: float) -> PairFinding:
    """Choose the rule that two overlapping boxes break."""
    row, other = int(b.name), int(a.name)
    if a.category != b.category:
        rule = "box-class-conflict"
        message = f"{b.category} on {a.category} (box {a.box_id}), IoU {iou:.2f}"
    elif (a[["x", "y", "w", "h"]] == b[["x", "y", "w", "h"]]).all():
        rule, message = "box-duplicate", f"the same {b.category} as box {a.box_id}"
    else:
        rule, message = "box-near-duplicate", f"{b.category}, IoU {iou:.2f} with box {a.box_id}"
    return PairFinding(rule, row, other, message)
