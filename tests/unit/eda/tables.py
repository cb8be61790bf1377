"""Data sets of tables without photos, for rules that need many boxes."""

from dataclasses import replace

import pandas as pd

from eda.check import check
from eda.dataset import Dataset
from eda.images import FACTS
from tests.unit.eda.folder import CocoFolder

WIDTH, HEIGHT = 640, 480

Bbox = tuple[float, float, float, float]
Drawn = list[tuple[str, Bbox]]
"""The boxes of one image: class and x, y, w, h in pixels."""


def dataset_of(coco: CocoFolder, images: list[Drawn], splits: list[str] | None = None) -> Dataset:
    """Return a data set whose image n (from 0) has these boxes; box ids count on from image to image."""
    small = coco.dataset()
    splits = splits or ["train"] * len(images)
    names = {row.category: row.class_id for row in small.boxes.itertuples()}
    table = [
        {"split": split, "image_id": n, "file_name": f"{n}.jpg", "width": WIDTH, "height": HEIGHT}
        for n, split in enumerate(splits)
    ]
    boxes = [
        {
            "split": splits[n],
            "image_id": n,
            "category": name,
            "class_id": names[name],
            **dict(zip("xywh", map(float, bbox), strict=True)),
            "area": float(bbox[2] * bbox[3]),
            "set_aside": False,
        }
        for n, drawn in enumerate(images)
        for name, bbox in drawn
    ]
    frame = pd.DataFrame(boxes)
    frame.insert(2, "box_id", range(len(frame)))
    return replace(small, images=pd.DataFrame(table), boxes=frame)


def findings_of(dataset: Dataset) -> pd.DataFrame:
    """Return the findings without those on photos; every photo is missing."""
    facts = pd.DataFrame([{**FACTS, "state": "missing"}] * len(dataset.images), index=dataset.images.index)
    found = check(dataset, facts.astype({"stored_width": "Int64", "stored_height": "Int64"}))
    return found[~found["rule"].str.startswith("photo-")].reset_index(drop=True)
