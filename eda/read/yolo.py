"""Read YOLO's layout: data.yaml with the classes, and a text file of boxes for each photo.

supervision's reader stops at the first line that is no box, and numbers classes anew where `names` leaves a number out;
here such a line is a finding, and a class keeps its number.
"""

import math
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any

import yaml

from eda.dataset import UNKNOWN_CLASS, Dataset, order_classes
from eda.errors import DataError, first_line
from eda.images import stored_size
from eda.read.folder import folder_dataset
from eda.read.photos import Match, PhotoFolder
from eda.read.tables import Tables, box_row
from eda.read.values import printable, whole_number

SPLITS = ("train", "val", "valid", "test")
PHOTO_SUFFIXES = {".bmp", ".gif", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp"}
BOX_VALUES = 4
MIN_POLYGON_VALUES = 6


def find_yolo(folder: Path) -> Path | None:
    """Return the file that names the classes of a folder in YOLO's layout, or None."""
    has_labels = any(path.is_dir() for pattern in ("labels", "*/labels") for path in folder.glob(pattern))
    described = [*sorted(folder.glob("*.yaml")), *sorted(folder.glob("*.yml")), folder / "classes.txt"]
    return next((path for path in described if has_labels and path.is_file()), None)


def read_yolo(described: Path) -> Dataset:
    """Read the data set of a data.yaml or classes.txt; raise DataError if it leads to no class or no photo."""
    root = described.parent
    photos, tables = PhotoFolder(root), Tables()
    names, splits = read_description(described)
    classes = order_classes(names.values())
    categories = {number: (name, classes.index(name)) for number, name in names.items()}
    unread = {path.relative_to(root).as_posix() for path in root.glob("**/labels/**/*.txt")}
    for split, values in splits.items():
        for path in split_photos(photos, values, alone=len(splits) == 1):
            label = label_path(path)
            size = add_photo(tables, root, split, path)
            if (root / label).is_file():
                add_labels(tables, root / label, categories, size)
            unread.discard(label)
    if not tables.images:
        raise DataError(f"{described} leads to no photo; expected images/ beside labels/.")
    for label in sorted(unread):
        tables.notes.count("label-without-photo", "", f"“{printable(label)}”")
    return folder_dataset(photos, tables, classes, [described.name])


def read_description(path: Path) -> tuple[dict[int, str], dict[str, list[str]]]:
    """Return the class names by number, and the folders or lists of each split; raise DataError without a name."""
    try:
        text = path.read_text(encoding="utf-8-sig")
        document: Any = {"names": text.splitlines()} if path.suffix == ".txt" else yaml.safe_load(text)
    except (OSError, UnicodeDecodeError, yaml.YAMLError, RecursionError) as error:
        raise DataError(f"{path} is not YAML ({first_line(error)}); fetch it again.") from error
    listed = document.get("names") if isinstance(document, dict) else None
    pairs = listed.items() if isinstance(listed, dict) else enumerate(listed if isinstance(listed, list) else [])
    try:
        names = {whole_number(number): printable(str(name)) for number, name in pairs}
    except ValueError as error:
        raise DataError(f"{path}: a key of 'names' is not a number; expected names: [cat, dog].") from error
    if not names:
        raise DataError(f"{path} has no list 'names'; expected names: [cat, dog].")
    values = {split: document[split] for split in SPLITS if document.get(split)}
    folders = {
        split: [str(v) for v in (value if isinstance(value, list) else [value])] for split, value in values.items()
    }
    return names, folders or {"all": [""]}


def split_photos(photos: PhotoFolder, values: list[str], *, alone: bool) -> Iterator[str]:
    """Yield the photos of a split, as paths below the root; each value is a folder or a text file with names.

    The paths in a data.yaml are those of the machine that wrote it: the last parts count that exist here, but of
    several splits none is all of images/.
    """
    for value in values:
        parts = [part for part in value.replace("\\", "/").split("/") if part not in ("", ".", "..")]
        while parts and not photos.root.joinpath(*parts).exists():
            parts.pop(0)
        chosen = photos.root.joinpath(*parts)
        if chosen.is_file():
            matches = (photos.find(name, [""]) for name in chosen.read_text(encoding="utf-8-sig").split())
            yield from (match.path.relative_to(photos.root).as_posix() for match in matches if match.path)
        elif (parts or not value) and (alone or parts != ["images"]):
            yield from (path for path in photos.within(["/".join(parts)]) if is_photo(path))


def is_photo(path: str) -> bool:
    return PurePosixPath(path).suffix.lower() in PHOTO_SUFFIXES


def label_path(photo: str) -> str:
    """Return the label file of a photo: the last folder images/ of its path becomes labels/."""
    parts = list(PurePosixPath(photo).with_suffix(".txt").parts)
    for position in range(len(parts) - 2, -1, -1):
        if parts[position] == "images":
            parts[position] = "labels"
            break
    return "/".join(parts)


def add_photo(tables: Tables, root: Path, split: str, path: str) -> tuple[int, int]:
    """Add the image of a photo, whose size is in its file; return it, or 0x0 if it cannot be read."""
    width, height = stored_size(root / path)
    number = len(tables.images) + 1
    row = {"split": split, "image_id": number, "file_name": printable(path), "width": width, "height": height}
    tables.images.append(row)
    tables.photos.append(Match(root / path))
    return width, height


def add_labels(tables: Tables, path: Path, categories: dict[int, tuple[str, int]], size: tuple[int, int]) -> None:
    """Add the boxes of a label file to the last image; a line that is none becomes a box without numbers."""
    image = tables.images[-1]
    for line in path.read_text(encoding="utf-8-sig", errors="replace").splitlines():
        words = line.split()
        if not words:
            continue
        try:
            number = whole_number(words[0])
            category = categories.get(number, (str(number), UNKNOWN_CLASS))
        except ValueError:
            category = (printable(words[0]), UNKNOWN_CLASS)
        bbox = pixels(words[1:], size)
        ids = (image["split"], image["image_id"], len(tables.boxes) + 1)
        area = bbox[2] * bbox[3] if bbox else None
        tables.boxes.append(box_row(ids, category, bbox, area, set_aside=False))


def pixels(words: list[str], size: tuple[int, int]) -> list[float] | None:
    """Return x, y, width and height in pixels of a box (centre, size) or polygon in shares of the photo's size."""
    try:
        values = [float(word) for word in words]
    except ValueError:
        return None
    if len(values) in (BOX_VALUES, BOX_VALUES + 1):  # a fifth value is a confidence
        cx, cy, w, h = values[:BOX_VALUES]
        left, top, right, bottom = cx - w / 2, cy - h / 2, cx + w / 2, cy + h / 2
    elif len(values) >= MIN_POLYGON_VALUES and len(values) % 2 == 0:
        left, right = min(values[::2]), max(values[::2])
        top, bottom = min(values[1::2]), max(values[1::2])
    else:
        return None
    if not all(map(math.isfinite, (left, top, right, bottom))) or 0 in size:
        return None
    # Whole thousandths of a pixel: the shares were rounded when they were written.
    edges = [
        round(edge * side, 3) for edge, side in ((left, size[0]), (top, size[1]), (right, size[0]), (bottom, size[1]))
    ]
    return [edges[0], edges[1], edges[2] - edges[0], edges[3] - edges[1]]
