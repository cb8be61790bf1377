"""Rules about a whole split: one finding instead of one for each of its rows."""

import pandas as pd

from eda.dataset import Dataset

GEOMETRY_RULES = {
    "box-not-positive",
    "box-tiny",
    "box-past-photo",
    "box-past-fields",
    "box-area-differs",
}
"""Rules that say nothing about boxes in another format than COCO's."""


def splits_without_photos(images: pd.DataFrame) -> list[str]:
    """Return the splits of which no photo is there, of two images or more."""
    groups = images.groupby("split")["state"]
    return [str(split) for split, states in groups if len(states) > 1 and states.eq("missing").all()]


def missing_sentence(images: pd.DataFrame, split: str, dataset: Dataset) -> str:
    """Name a photo of a split that was looked for, and a file that is there instead."""
    of_split = images[images["split"] == split]
    wanted = of_split["file_name"].iloc[0]
    there = next(iter(dataset.files.unlisted()), "")
    beside = f"there is “{there}”" if there else "there is no other photo"
    return f"none of {len(of_split):,} photos was found: “{wanted}” was looked for, {beside}"
