"""Read a folder in COCO layout, as in the original release: `annotations/<split>.json` and `images/`."""

import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from eda.cppe5 import CLASS_NAMES, CPPE5
from eda.dataset import BOXES, UNKNOWN_CLASS, Dataset, order_classes
from eda.errors import DataError

SYNTHETIC_MARK = "SYNTHETIC"
"""`eda.synthetic` writes annotation files whose `info.description` starts with this."""

REQUIRED = {
    "images": {"id": int, "file_name": str, "width": int, "height": int},
    "annotations": {"id": int, "image_id": int, "category_id": int, "bbox": object, "area": object},
    "categories": {"id": int, "name": str},
}
"""Lists that a file must have, and the fields of each entry. bbox and area may hold any value, because a wrong one
becomes a finding. A wrong value elsewhere is an error, because a finding could not name its box."""


@dataclass(frozen=True)
class FolderImages:
    """Image files in `folder`, by the file names of the images table."""

    folder: Path
    names: tuple[str, ...]

    def read(self, row: int) -> bytes:
        return (self.folder / self.names[row]).read_bytes()

    def unlisted(self) -> list[str]:
        return sorted({path.name for path in self.folder.iterdir() if path.is_file()} - set(self.names))


def read_coco(folder: Path) -> Dataset:
    """Read every `annotations/*.json` of `folder`; the file's stem is the split's name.

    Categories map to classes by *name*, so files may count from 0 or from 1. Raises DataError if the folder, a file or
    a field is missing or of the wrong type.
    """
    files = annotation_files(folder)
    documents = {path.stem: read_document(path) for path in files}
    images = pd.concat([images_table(split, doc) for split, doc in documents.items()], ignore_index=True)
    classes = order_classes(entry["name"] for doc in documents.values() for entry in doc["categories"])
    boxes = pd.concat([boxes_table(split, doc, classes) for split, doc in documents.items()], ignore_index=True)
    descriptions = [str((doc.get("info") or {}).get("description", "")) for doc in documents.values()]
    return Dataset(
        images=images,
        boxes=boxes,
        files=FolderImages(folder / "images", tuple(images["file_name"])),
        source=f"folder “{folder.resolve().name}”, {', '.join(path.name for path in files)}",
        synthetic=any(text.startswith(SYNTHETIC_MARK) for text in descriptions),
        classes=classes,
        name=CPPE5 if classes == CLASS_NAMES else folder.resolve().name,
    )


def annotation_files(folder: Path) -> list[Path]:
    """Return the annotation files of a COCO folder, train first; raise DataError for any other layout."""
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
    """Read one annotation file and check it against REQUIRED; DataError names the file, the entry and the field."""
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
    if not isinstance(entry, dict):
        raise DataError(f"{where} is not an object; expected the fields {', '.join(fields)}.")
    for field, kind in fields.items():
        if field not in entry:
            raise DataError(f"{where} has no '{field}'; expected the fields {', '.join(fields)}.")
        if not isinstance(entry[field], kind) or isinstance(entry[field], bool):
            raise DataError(f"{where}: '{field}' is {entry[field]!r}, expected {kind.__name__}.")


def images_table(split: str, document: dict[str, Any]) -> pd.DataFrame:
    """Return the images of one annotation file in the schema IMAGES."""
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


def boxes_table(split: str, document: dict[str, Any], classes: tuple[str, ...]) -> pd.DataFrame:
    """Return the boxes of one annotation file in the schema BOXES."""
    names = {entry["id"]: entry["name"] for entry in document["categories"]}
    numbers = {category_id: classes.index(name) for category_id, name in names.items()}
    rows = []
    for entry in document["annotations"]:
        number = entry["category_id"]
        category = (names.get(number, str(number)), numbers.get(number, UNKNOWN_CLASS))
        set_aside = bool(entry.get("iscrowd")) or bool(entry.get("ignore"))
        ids = (split, entry["image_id"], entry["id"])
        rows.append(box_row(ids, category, entry["bbox"], entry["area"], set_aside=set_aside))
    return boxes_frame(rows)


def box_row(
    ids: tuple[str, Any, Any], category: tuple[str, int], bbox: object, area: object, *, set_aside: bool
) -> dict[str, Any]:
    """Return one row of the schema BOXES.

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
        "area": to_float(area),
        "set_aside": set_aside,
    }


def boxes_frame(rows: list[dict[str, Any]]) -> pd.DataFrame:
    """Return rows as a typed frame of the schema BOXES, also without rows."""
    kinds = {name: str(column.dtype) for name, column in BOXES.columns.items()}
    return pd.DataFrame(rows, columns=list(kinds)).astype(kinds)


def parse_bbox(bbox: object) -> tuple[float, float, float, float]:
    """Return a COCO box as four floats, or four NaNs if it is not four finite numbers."""
    if not isinstance(bbox, list) or len(bbox) != 4:
        return (math.nan,) * 4
    x, y, w, h = (to_float(value) for value in bbox)
    return (x, y, w, h) if all(math.isfinite(value) for value in (x, y, w, h)) else (math.nan,) * 4


def to_float(value: object) -> float:
    """Return a JSON number as float, or NaN for any other value."""
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else math.nan
