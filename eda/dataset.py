"""The two typed tables that every source becomes, and the photos behind them."""

from dataclasses import dataclass
from typing import Protocol

import pandas as pd
import pandera.pandas as pa

from eda.cppe5 import CLASS_NAMES, UNKNOWN_CLASS

IMAGES = pa.DataFrameSchema(
    {
        "split": pa.Column(str),
        "image_id": pa.Column("int64"),
        "file_name": pa.Column(str, description="name in the source; empty where the source gives none"),
        "width": pa.Column("int64", description="pixels, as the annotations say"),
        "height": pa.Column("int64", description="pixels, as the annotations say"),
    },
    index=pa.Index("int64", unique=True),
    strict=True,
    name="images",
)

BOXES = pa.DataFrameSchema(
    {
        "split": pa.Column(str),
        "image_id": pa.Column("int64"),
        "box_id": pa.Column("int64"),
        "category": pa.Column(str, description="the name in the source, or its number where it has no name"),
        "class_id": pa.Column("int64", pa.Check.between(UNKNOWN_CLASS, len(CLASS_NAMES) - 1)),
        "x": pa.Column("float64", nullable=True, description="left edge, pixels"),
        "y": pa.Column("float64", nullable=True, description="top edge, pixels"),
        "w": pa.Column("float64", nullable=True, description="width, pixels"),
        "h": pa.Column("float64", nullable=True, description="height, pixels"),
        "area": pa.Column("float64", nullable=True, description="square pixels, as the annotations say"),
        "set_aside": pa.Column(bool, description="marked iscrowd or ignore: COCO's scoring skips it"),
    },
    index=pa.Index("int64", unique=True),
    strict=True,
    name="boxes",
)
"""A box that is not four numbers has nulls in x, y, w, h: `eda.check` reports it, nothing repairs it."""


class PhotoSource(Protocol):
    """Where the encoded photos are; nothing is decoded or kept here."""

    def read(self, row: int) -> bytes:
        """Return the file's bytes for row `row` of the images table; FileNotFoundError if there is none."""
        ...

    def unlisted(self) -> list[str]:
        """Return names of photos that lie with the others but that no annotation file lists."""
        ...


@dataclass(frozen=True)
class Dataset:
    """One typed table of images, one of boxes, and lazily read photos, whatever went in.

    `images` follows the schema IMAGES, `boxes` the schema BOXES; they join on (split, image_id). Row labels
    of
    `images` (0..n-1) are what `photos.read` takes. `source` names the origin in words; `synthetic` is true
    for a generated sample and is then shown wherever results are shown.
    """

    images: pd.DataFrame
    boxes: pd.DataFrame
    photos: PhotoSource
    source: str
    synthetic: bool

    def __post_init__(self) -> None:
        """Hold both tables to their schemas."""
        IMAGES.validate(self.images)
        BOXES.validate(self.boxes)

    @property
    def splits(self) -> list[str]:
        """Names of the splits, train first."""
        return sorted(self.images["split"].unique(), key=lambda name: (name != "train", name))

    @property
    def label(self) -> str:
        """What to print above every table, plot and page: the source, and SYNTHETIC where it is generated."""
        return f"SYNTHETIC DATA · {self.source}" if self.synthetic else self.source


def class_number(category: str) -> int:
    """Class id of a category's name; UNKNOWN_CLASS if it is none of the five."""
    return CLASS_NAMES.index(category) if category in CLASS_NAMES else UNKNOWN_CLASS


def class_name(class_id: int) -> str:
    """Name of a class id; "unknown" for UNKNOWN_CLASS."""
    return CLASS_NAMES[class_id] if class_id != UNKNOWN_CLASS else "unknown"
