"""The data set in memory: a typed table of images, one of boxes, and the image files."""

from dataclasses import dataclass
from typing import Protocol

import pandas as pd
import pandera.pandas as pa

from eda.cppe5 import CLASS_NAMES, UNKNOWN_CLASS

IMAGES = pa.DataFrameSchema(
    {
        "split": pa.Column(str),
        "image_id": pa.Column("int64"),
        "file_name": pa.Column(str, description="name in the source; empty if the source has none"),
        "width": pa.Column("int64", description="pixels, as annotated"),
        "height": pa.Column("int64", description="pixels, as annotated"),
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
        "category": pa.Column(str, description="name in the source, or the category's number if it has none"),
        "class_id": pa.Column("int64", pa.Check.between(UNKNOWN_CLASS, len(CLASS_NAMES) - 1)),
        "x": pa.Column("float64", nullable=True, description="left edge, pixels"),
        "y": pa.Column("float64", nullable=True, description="top edge, pixels"),
        "w": pa.Column("float64", nullable=True, description="width, pixels"),
        "h": pa.Column("float64", nullable=True, description="height, pixels"),
        "area": pa.Column("float64", nullable=True, description="square pixels, as annotated"),
        "set_aside": pa.Column(bool, description="marked iscrowd or ignore, which COCO's scoring skips"),
    },
    index=pa.Index("int64", unique=True),
    strict=True,
    name="boxes",
)
"""x, y, w and h are null for a box that is not four numbers; `eda.check` reports it."""


class ImageFiles(Protocol):
    """The encoded images, read one by one."""

    def read(self, row: int) -> bytes:
        """Return the bytes of the image in this row of the images table; raise FileNotFoundError if it has none."""
        ...

    def unlisted(self) -> list[str]:
        """Return the names of image files that no annotation file lists."""
        ...


@dataclass(frozen=True)
class Dataset:
    """A data set from any source.

    `images` follows the schema IMAGES, `boxes` the schema BOXES; they join on (split, image_id). `files.read` takes the
    row labels of `images` (0..n-1). `source` describes the origin. `synthetic` marks a generated sample.
    """

    images: pd.DataFrame
    boxes: pd.DataFrame
    files: ImageFiles
    source: str
    synthetic: bool

    def __post_init__(self) -> None:
        IMAGES.validate(self.images)
        BOXES.validate(self.boxes)

    @property
    def splits(self) -> list[str]:
        """The splits' names, train first."""
        return sorted(self.images["split"].unique(), key=lambda name: (name != "train", name))

    @property
    def label(self) -> str:
        """The source, marked SYNTHETIC for a generated sample."""
        return f"SYNTHETIC DATA · {self.source}" if self.synthetic else self.source


def class_number(category: str) -> int:
    """Return the class id of a category, or UNKNOWN_CLASS."""
    return CLASS_NAMES.index(category) if category in CLASS_NAMES else UNKNOWN_CLASS


def class_name(class_id: int) -> str:
    return CLASS_NAMES[class_id] if class_id != UNKNOWN_CLASS else "unknown"
