"""Read a folder in COCO layout, the original release's: `annotations/<split>.json` and `images/`."""

import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from eda.cppe5 import CLASS_NAMES, UNKNOWN_CLASS
from eda.dataset import BOXES, Dataset, class_number
from eda.errors import DataError

SYNTHETIC_MARK = "SYNTHETIC"
"""An annotation file whose `info.description` starts so was written by `eda.synthetic`."""

REQUIRED = {
    "images": {"id": int, "file_name": str, "width": int, "height": int},
    "annotations": {"id": int, "image_id": int, "category_id": int, "bbox": object, "area": object},
    "categories": {"id": int, "name": str},
}
"""Lists that a file must have, and the fields of each entry. bbox and area may hold anything: a wrong value
there is the data's fault and becomes a finding, while a wrong value elsewhere leaves no way to say which
box is meant."""


@dataclass(frozen=True)
class FolderPhotos:
    """Photos in `folder`, by the file names of the images table."""

    folder: Path
    names: tuple[str, ...]

    def read(self, row: int) -> bytes:
        """Return the bytes of the photo in that row; FileNotFoundError if the file is not there."""
        return (self.folder / self.names[row]).read_bytes()

    def unlisted(self) -> list[str]:
        """Return the files in the folder that no annotation file lists."""
        return sorted({path.name for path in self.folder.iterdir() if path.is_file()} - set(self.names))


def read_coco(folder: Path) -> Dataset:
    """Read every `annotations/*.json` of `folder`; the file's stem is the split's name.

    Category ids are mapped to 0-4 by their *names*, so files that count from 0 and from 1 both come out
    right. Raises DataError with one sentence if the folder, a file or a field is missing or of the wrong
    type.
    """
    files = annotation_files(folder)
    documents = {path.stem: read_document(path) for path in files}
    images = pd.concat([images_table(split, doc) for split, doc in documents.items()], ignore_index=True)
    boxes = pd.concat([boxes_table(split, doc) for split, doc in documents.items()], ignore_index=True)
    refuse_other_data(folder, boxes)
    descriptions = [str((doc.get("info") or {}).get("description", "")) for doc in documents.values()]
    return Dataset(
        images=images,
        boxes=boxes,
        photos=FolderPhotos(folder / "images", tuple(images["file_name"])),
        source=f"folder “{folder.resolve().name}”, {', '.join(path.name for path in files)}",
        synthetic=any(text.startswith(SYNTHETIC_MARK) for text in descriptions),
    )


def annotation_files(folder: Path) -> list[Path]:
    """Return the annotation files of a COCO folder, train first; DataError if the layout is another."""
    layout = "expected <folder>/annotations/*.json beside <folder>/images/"
    if not folder.is_dir():
        raise DataError(f"{folder} is not a folder; {layout}.")
    if not (folder / "images").is_dir():
        raise DataError(f"{folder} has no folder images/; {layout}.")
    files = sorted((folder / "annotations").glob("*.json"), key=lambda path: (path.stem != "train", path.stem))
    if not files:
        raise DataError(f"{folder} has no annotations/*.json; {layout}.")
    return files


def read_document(path: Path) -> dict[str, Any]:
    """Read one annotation file and hold it to REQUIRED; DataError names the file, the entry and the field."""
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise DataError(f"{path} is not JSON (cut off or damaged: {error}); fetch it again.") from error
    if not isinstance(document, dict):
        raise DataError(f"{path} holds a {type(document).__name__}, not a COCO object with images and annotations.")
    for name, fields in REQUIRED.items():
        entries = document.get(name)
        if not isinstance(entries, list):
            raise DataError(f"{path} has no list '{name}'; expected COCO's images, annotations and categories.")
        for position, entry in enumerate(entries):
            check_entry(f"{path}: {name}[{position}]", entry, fields)
    if not document["images"]:
        raise DataError(f"{path} lists no images; there is nothing to explore.")
    return document


def check_entry(where: str, entry: object, fields: dict[str, type]) -> None:
    """Raise DataError unless `entry` is an object with these fields of these types."""
    if not isinstance(entry, dict):
        raise DataError(f"{where} is not an object; expected the fields {', '.join(fields)}.")
    for field, kind in fields.items():
        if field not in entry:
            raise DataError(f"{where} has no '{field}'; expected the fields {', '.join(fields)}.")
        if not isinstance(entry[field], kind) or isinstance(entry[field], bool):
            raise DataError(f"{where}: '{field}' is {entry[field]!r}, expected {kind.__name__}.")


def images_table(split: str, document: dict[str, Any]) -> pd.DataFrame:
    """Return the images of one file as rows of the schema IMAGES."""
    rows = [
        {
            "split": split,
            "image_id": entry["id"],
            "file_name": entry["file_name"],
            "width": entry["width"],
            "height": entry["height"],
        }
        for entry in document["images"]
    ]
    return pd.DataFrame(rows)


def boxes_table(split: str, document: dict[str, Any]) -> pd.DataFrame:
    """Return the annotations of one file as rows of the schema BOXES."""
    names = {entry["id"]: entry["name"] for entry in document["categories"]}
    rows = []
    for entry in document["annotations"]:
        category = names.get(entry["category_id"], str(entry["category_id"]))
        set_aside = bool(entry.get("iscrowd")) or bool(entry.get("ignore"))
        ids = (split, entry["image_id"], entry["id"])
        rows.append(box_row(ids, category, entry["bbox"], entry["area"], set_aside=set_aside))
    return boxes_frame(rows)


def box_row(ids: tuple[str, Any, Any], category: str, bbox: object, area: object, *, set_aside: bool) -> dict[str, Any]:
    """Return one row of the schema BOXES, whatever the box was read from.

    Args:
        ids: the split, the image's id and the box's own.
        category: the class's name in the source.
        bbox: x, y, width and height in pixels, as COCO gives them.
        area: in square pixels, as the source gives it.
        set_aside: whether the source marks it as iscrowd or ignore.
    """
    split, image_id, box_id = ids
    x, y, w, h = four_numbers(bbox)
    return {
        "split": split,
        "image_id": image_id,
        "box_id": box_id,
        "category": category,
        "class_id": class_number(category),
        "x": x,
        "y": y,
        "w": w,
        "h": h,
        "area": number(area),
        "set_aside": set_aside,
    }


def boxes_frame(rows: list[dict[str, Any]]) -> pd.DataFrame:
    """Return box rows as a frame of the schema's types, also where there are no rows."""
    kinds = {name: str(column.dtype) for name, column in BOXES.columns.items()}
    return pd.DataFrame(rows, columns=list(kinds)).astype(kinds)


def four_numbers(bbox: object) -> tuple[float, float, float, float]:
    """Return a COCO box as four floats; four NaNs where it is anything else."""
    if not isinstance(bbox, list) or len(bbox) != 4:
        return (math.nan,) * 4
    x, y, w, h = (number(value) for value in bbox)
    return (x, y, w, h) if all(math.isfinite(value) for value in (x, y, w, h)) else (math.nan,) * 4


def number(value: object) -> float:
    """Return a JSON number as float; NaN where it is anything else."""
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else math.nan


def refuse_other_data(folder: Path, boxes: pd.DataFrame) -> None:
    """Raise DataError when no box is of a CPPE-5 class: another data set, not one with faults."""
    if len(boxes) and (boxes["class_id"] == UNKNOWN_CLASS).all():
        found = ", ".join(sorted(boxes["category"].unique())[:5])
        raise DataError(f"{folder} has boxes of {found}, none of CPPE-5's {', '.join(CLASS_NAMES)}; name another.")
