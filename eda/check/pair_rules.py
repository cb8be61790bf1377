"""Rules that need two rows: photos that are alike, boxes that lie on one another."""

from collections.abc import Iterator
from itertools import combinations
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy.spatial.distance import pdist, squareform

from eda.check.rules import NEAR_DUPLICATE_BITS, NEAR_DUPLICATE_IOU
from eda.overlap import overlaps


class PairFinding(NamedTuple):
    """The second row of a pair breaks `rule`; `other` is the first (both row labels of their table)."""

    rule: str
    row: int
    other: int
    message: str


def photo_pairs(images: pd.DataFrame) -> Iterator[PairFinding]:
    """Yield pairs of alike photos: the same bytes, or perceptual hashes within NEAR_DUPLICATE_BITS.

    `images` needs split, state, sha256 and phash. In a pair across splits the row named is the later one in
    the table, so that the earlier (train) is `other`.
    """
    sound = images[images["state"].eq("ok")]
    if len(sound) < 2:
        return
    bits = np.array([hash_bits(text) for text in sound["phash"]])
    distances = np.rint(squareform(pdist(bits, "hamming")) * bits.shape[1]).astype(int)
    first, second = np.nonzero(np.triu(distances <= NEAR_DUPLICATE_BITS, k=1))
    for i, j in zip(first, second, strict=True):
        a, b = sound.iloc[i], sound.iloc[j]
        same_file = a.sha256 == b.sha256
        kind = "duplicate" if same_file else "near-duplicate"
        where = "photo" if a.split == b.split else "leak"
        message = "the files are byte for byte the same" if same_file else f"{distances[i, j]} of 64 hash bits differ"
        yield PairFinding(f"{where}-{kind}", int(b.name), int(a.name), message)


def hash_bits(text: str) -> list[bool]:
    """Return a hexadecimal 64-bit hash as its bits."""
    return [bit == "1" for bit in f"{int(text, 16):064b}"]


def box_pairs(boxes: pd.DataFrame) -> Iterator[PairFinding]:
    """Yield pairs of boxes of one image that lie on one another; `boxes` follows the schema BOXES."""
    whole = boxes[boxes["w"].gt(0) & boxes["h"].gt(0)]
    for _, group in whole.groupby(["split", "image_id"], sort=False):
        ious = overlaps(group)
        for i, j in combinations(range(len(group)), 2):
            if ious[i, j] > NEAR_DUPLICATE_IOU:
                yield box_pair(group.iloc[i], group.iloc[j], float(ious[i, j]))


def box_pair(a: pd.Series, b: pd.Series, iou: float) -> PairFinding:
    """Name what is wrong with two boxes on one place."""
    row, other = int(b.name), int(a.name)
    if a.category != b.category:
        rule = "box-class-conflict"
        message = f"{b.category} on {a.category} (box {a.box_id}), IoU {iou:.2f}"
    elif (a[["x", "y", "w", "h"]] == b[["x", "y", "w", "h"]]).all():
        rule, message = "box-duplicate", f"the same {b.category} as box {a.box_id}"
    else:
        rule, message = "box-near-duplicate", f"{b.category}, IoU {iou:.2f} with box {a.box_id}"
    return PairFinding(rule, row, other, message)
