"""Rules that need two rows: duplicate images and duplicate boxes."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import pandas as pd

from eda.check.hashes import Codes, similar_codes
from eda.check.quality_rules import flat
from eda.check.rules import NEAR_DUPLICATE_BITS, NEAR_DUPLICATE_IOU
from eda.overlap import box_overlaps

SAME_FILE = -1
"""Stands before 0 different bits."""

MAX_SIDE = 1e9
"""Pixels: larger boxes are mistakes whose areas would overflow."""


class PairFinding(NamedTuple):
    """A pair that breaks `rule`; `row` and `other` are row labels of their table, `other` the earlier one."""

    rule: str
    row: int
    other: int
    message: str


def image_pairs(images: pd.DataFrame) -> Iterator[PairFinding]:
    """Yield duplicate images: the same bytes, or perceptual hashes within NEAR_DUPLICATE_BITS.

    `images` needs split, state, sha256, phash, luma_p1 and luma_p99. An image is paired with one earlier image of each
    split: one of the same bytes, or else the most similar, of those the first. So a scene with many takes has as many
    findings, not as many as pairs. In a pair across splits, `other` is the training image, because the training split
    comes first in the table. Images of one level have no hash to compare.
    """
    decoded = images[images["state"].eq("ok")]
    files = decoded.reset_index(names="row")[["row", "split", "sha256"]].assign(position=np.arange(len(decoded)))
    codes = decoded["phash"].map(lambda text: int(text, 16)).to_numpy(dtype=np.uint64)
    structured = ~flat(decoded).to_numpy()
    links = pd.concat([same_files(files), similar_files(files[structured], codes[structured])])
    links = links[links["position_other"] < links["position"]].sort_values(["position", "bits", "position_other"])
    for link in links.drop_duplicates(["position", "split_other"]).itertuples(index=False):
        kind = "duplicate" if link.bits == SAME_FILE else "near-duplicate"
        where = "photo" if link.split == link.split_other else "leak"
        same = "the files are byte for byte the same"
        message = same if link.bits == SAME_FILE else f"{link.bits} of 64 hash bits differ"
        yield PairFinding(f"{where}-{kind}", int(link.row), int(link.row_other), message)


def same_files(files: pd.DataFrame) -> pd.DataFrame:
    """Return each file with the first file of the same bytes in each split, as bits SAME_FILE."""
    first = files.drop_duplicates(["split", "sha256"])
    return files.merge(first, on="sha256", suffixes=("", "_other")).assign(bits=SAME_FILE)


def similar_files(files: pd.DataFrame, codes: Codes) -> pd.DataFrame:
    """Return each file with the first file of each similar or equal hash in each split, and the number of bits."""
    distinct, inverse = np.unique(codes, return_inverse=True)
    pairs = similar_codes(distinct, NEAR_DUPLICATE_BITS)
    same = np.arange(len(distinct))
    both = pd.concat(
        [
            pairs,
            pairs.rename(columns={"first": "second", "second": "first"}),
            pd.DataFrame({"first": same, "second": same, "bits": 0}),
        ]
    )
    files = files.assign(code=inverse)
    first = files.drop_duplicates(["split", "code"])
    return files.merge(both, left_on="code", right_on="first").merge(
        first, left_on="second", right_on="code", suffixes=("", "_other")
    )


def box_pairs(boxes: pd.DataFrame) -> Iterator[PairFinding]:
    """Yield pairs of overlapping boxes of one image; `boxes` follows the schema BOXES."""
    sane = boxes[["w", "h"]].gt(0).all(axis=1) & boxes[["x", "y", "w", "h"]].abs().lt(MAX_SIDE).all(axis=1)
    boxes = boxes[sane]
    pairs = box_overlaps(boxes, boxes.groupby(["split", "image_id"]).ngroup())
    for pair in pairs[pairs["iou"] > NEAR_DUPLICATE_IOU].itertuples():
        yield classify_pair(boxes.loc[pair.first], boxes.loc[pair.second], pair.iou)


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
