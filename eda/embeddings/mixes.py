"""The mix of an image: the combination of classes that it shows."""

import pandas as pd

from eda.measure.splits import SHOWS

MAX_MIXES = 10
"""Mixes that are named, as many as plots have colours for classes; the others are one group."""

NO_BOX = "no box"
OTHER_MIXES = "other mixes"


def class_mixes(images: pd.DataFrame, classes: tuple[str, ...]) -> pd.Series:
    """Return each image's mix, such as "Mask + Gloves", as a categorical.

    NO_BOX is the mix without any class. The categories are the MAX_MIXES most frequent mixes, those of equally many
    images by name, and OTHER_MIXES last if there are more.

    `images` has the columns "shows <class>" of `eda.measure.splits.per_image`.
    """
    shown = images[[f"{SHOWS}{name}" for name in classes]].to_numpy(dtype=bool)
    distinct = {row.tobytes(): row for row in shown}
    names = {
        key: " + ".join(name for name, is_shown in zip(classes, row, strict=True) if is_shown) or NO_BOX
        for key, row in distinct.items()
    }
    mixes = pd.Series([names[row.tobytes()] for row in shown], index=images.index, dtype=object)
    named = list(mixes.value_counts().sort_index().sort_values(ascending=False, kind="stable").index[:MAX_MIXES])
    grouped = mixes.where(mixes.isin(named), OTHER_MIXES)
    categories = named if len(distinct) <= MAX_MIXES else [*named, OTHER_MIXES]
    return pd.Series(pd.Categorical(grouped, categories=categories), index=images.index)
