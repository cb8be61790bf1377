"""The rows of the images and boxes tables, from the entries of annotation files."""

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd
import pandera.pandas as pa

from eda.dataset import BOXES, IMAGES, UNKNOWN_CLASS
from eda.errors import DataError
from eda.read.notes import Notes
from eda.read.photos import Match
from eda.read.values import (
    BITS_64,
    has_mask,
    parse_bbox,
    printable,
    quoted,
    read_flag,
    rotation,
    to_float,
    whole_number,
)

REQUIRED = {
    "images": ("id", "file_name", "width", "height"),
    "annotations": ("id", "image_id", "category_id"),
    "categories": ("id", "name"),
}
"""Lists that a file must have, and the fields of each entry. A box that is none becomes a finding; a wrong value here
is an error, because a finding could not name its image or box."""


@dataclass
class Tables:
    """The rows so far, the photo of each image, and what was noticed."""

    notes: Notes = field(default_factory=Notes)
    images: list[dict[str, Any]] = field(default_factory=list)
    boxes: list[dict[str, Any]] = field(default_factory=list)
    photos: list[Match] = field(default_factory=list)

    def add_images(self, path: Path, split: str, entries: list[dict[str, Any]], find: Callable[[str], Match]) -> None:
        """Add the images of a file; `find` returns the photo of a file name. DataError names what is no number."""
        for position, entry in enumerate(entries):
            where = f"{path}: images[{position}]"
            name = entry["file_name"]
            if not isinstance(name, str):
                raise DataError(f"{where}: 'file_name' is {quoted(name)}, expected str.")
            photo = find(name)
            row = {
                "split": split,
                "image_id": self.whole(entry, "id", split, where),
                "file_name": printable(name),
                "width": self.whole(entry, "width", split, where),
                "height": self.whole(entry, "height", split, where),
            }
            if photo.other:
                note = f"“{row['file_name']}” is “{photo.other}”"
                self.notes.count("file-name-differs", split, note, image=len(self.images))
            self.images.append(row)
            self.photos.append(photo)

    def add_boxes(
        self, path: Path, split: str, entries: list[dict[str, Any]], categories: dict[int, tuple[str, int]]
    ) -> None:
        """Add the boxes of a file; `categories` has the name and class id of each of its category ids."""
        for position, entry in enumerate(entries):
            where = f"{path}: annotations[{position}]"
            number = self.whole(entry, "category_id", split, where)
            ids = (split, self.whole(entry, "image_id", split, where), self.whole(entry, "id", split, where))
            category = categories.get(number, (str(number), UNKNOWN_CLASS))
            bbox, area = entry.get("bbox"), entry.get("area")
            set_aside = self.flag(entry, "iscrowd", split, ids[2]) | self.flag(entry, "ignore", split, ids[2])
            row = box_row(ids, category, bbox, area, set_aside=set_aside)
            row["segmented"] = has_mask(entry)
            if turn := rotation(entry):
                self.notes.count("box-rotated", split, f"box {ids[2]}: by {turn:g} degrees", box=len(self.boxes))
            if area is None:
                row["area"] = row["w"] * row["h"]
                self.notes.count("box-area-missing", split, f"box {ids[2]}: computed here", box=len(self.boxes))
            self.boxes.append(row)

    def whole(self, entry: dict[str, Any], name: str, split: str, where: str) -> int:
        """Return a field that must be a whole number; count the ones that are written otherwise."""
        value = entry[name]
        if type(value) is int and value in BITS_64:
            return value
        try:
            number = whole_number(value)
        except ValueError as error:
            raise DataError(f"{where}: '{name}' is {quoted(value)}, expected {error}.") from error
        self.notes.count("number-as-text", split, f"'{name}' is {quoted(value)}")
        return number

    def flag(self, entry: dict[str, Any], name: str, split: str, box_id: int) -> bool:
        """Return iscrowd or ignore; count the ones that are written otherwise than COCO does."""
        value = entry.get(name, 0)
        flag = read_flag(value)
        if flag.odd:
            note = f"box {box_id}: {name} is {quoted(value)}, read as {int(flag.value)}"
            self.notes.count("box-flag-odd", split, note, box=len(self.boxes))
        return flag.value


def box_row(
    ids: tuple[str, Any, Any],
    category: tuple[str, int],
    bbox: object,
    area: object,
    *,
    set_aside: bool,
) -> dict[str, Any]:
    """Return one row of the schema BOXES, without a mask.

    Args:
        ids: split, image id and box id.
        category: the class's name in the source, and its class id.
        bbox: x, y, width and height in pixels, as in COCO.
        area: in square pixels, as annotated.
        set_aside: whether the source marks the box as iscrowd or ignore.
    """
    split, image_id, box_id = ids
    x, y, w, h = parse_bbox(bbox)
    return {
        "split": split,
        "image_id": image_id,
        "box_id": box_id,
        "category": category[0],
        "class_id": category[1],
        "x": x,
        "y": y,
        "w": w,
        "h": h,
        "area": to_float(area) if area is not None else math.nan,
        "set_aside": set_aside,
        "segmented": False,
    }


def typed_frame(rows: list[dict[str, Any]], schema: pa.DataFrameSchema) -> pd.DataFrame:
    """Return rows as a frame with the schema's types, also without rows."""
    kinds = {name: str(column.dtype) for name, column in schema.columns.items()}
    return pd.DataFrame(rows, columns=list(kinds)).astype(kinds)


def images_frame(rows: list[dict[str, Any]]) -> pd.DataFrame:
    return typed_frame(rows, IMAGES)


def boxes_frame(rows: list[dict[str, Any]]) -> pd.DataFrame:
    return typed_frame(rows, BOXES)
