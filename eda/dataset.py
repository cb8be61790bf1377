"""The data set in memory: a typed table of images, one of boxes, and the image files."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import pandas as pd
import pandera.pandas as pa

from eda.cppe5 import CLASS_NAMES

UNKNOWN_CLASS = -1
"""Class id of a box whose category has no name in its file."""

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
        "class_id": pa.Column("int64", description="index into Dataset.classes, or UNKNOWN_CLASS"),
        "x": pa.Column("float64", nullable=True, description="left edge, pixels"),
        "y": pa.Column("float64", nullable=True, description="top edge, pixels"),
        "w": pa.Column("float64", nullable=True, description="width, pixels"),
        "h": pa.Column("float64", nullable=True, description="height, pixels"),
        "area": pa.Column("float64", nullable=True, description="square pixels, as annotated"),
        "set_aside": pa.Column(bool, description="marked iscrowd or ignore, which COCO's scoring skips"),
        "segmented": pa.Column(bool, required=False, description="has a mask, whose area `area` is"),
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


class Note(NamedTuple):
    """What was noticed while a data set was read: a finding about a split, or some of its images or boxes.

    `rule` is in `eda.check.RULES`; the rows are labels of the images and boxes tables.
    """

    rule: str
    split: str
    message: str
    file_name: str = ""
    image_rows: tuple[int, ...] = ()
    box_rows: tuple[int, ...] = ()


@dataclass(frozen=True)
class Dataset:
    """A data set from any source.

    `images` follows the schema IMAGES, `boxes` the schema BOXES; they join on (split, image_id). `files.read` takes the
    row labels of `images` (0..n-1). `source` describes the origin. `synthetic` marks a generated sample. `classes` are
    the names of the classes; a box's class_id is an index into them. `name` is the data set's name in titles.
    `notes` say what was noticed while reading.
    """

    images: pd.DataFrame
    boxes: pd.DataFrame
    files: ImageFiles
    source: str
    synthetic: bool
    classes: tuple[str, ...]
    name: str
    notes: tuple[Note, ...] = ()

    def __post_init__(self) -> None:
        IMAGES.validate(self.images)
        in_range = pa.Check.between(UNKNOWN_CLASS, len(self.classes) - 1)
        BOXES.update_column("class_id", checks=in_range).validate(self.boxes)

    @property
    def splits(self) -> list[str]:
        """The splits' names: training, validation, test, then others by name."""
        return sorted(self.images["split"].unique(), key=lambda name: (split_rank(name), name))

    @property
    def is_cppe5(self) -> bool:
        """Whether the classes are CPPE-5's, so that its facts and published baselines apply."""
        return self.classes == CLASS_NAMES

    @property
    def label(self) -> str:
        """The source, marked SYNTHETIC for a generated sample."""
        return f"SYNTHETIC DATA · {self.source}" if self.synthetic else self.source


WHOLE = "all"
"""The split of a data set that has none."""

SPLIT_KINDS = ("train", "val", "test")


def split_rank(name: str) -> int:
    """Return 0, 1 or 2 for a training, validation or test split by the beginning of a word, 3 for any other.

    The words of "coco_train" and "pets-test2017" are those between what is no letter.
    """
    words = re.findall("[a-z]+", name.lower())
    starts = (rank for word in words for rank, kind in enumerate(SPLIT_KINDS) if word.startswith(kind))
    return next(starts, len(SPLIT_KINDS))


def order_classes(names: Iterable[str]) -> tuple[str, ...]:
    """Return the distinct names in order of appearance, or in CPPE-5's order if they are its classes."""
    distinct = tuple(dict.fromkeys(names))
    return CLASS_NAMES if set(distinct) == set(CLASS_NAMES) else distinct
