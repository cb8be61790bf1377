"""Read YOLO's layout: data.yaml with the classes, and a text file of boxes for each photo.

supervision's reader stops at the first line that is no box, and numbers classes anew where `names` leaves a number out;
here such a line is a finding, and a class keeps its number.
"""

import math
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple

import yaml

from eda.dataset import UNKNOWN_CLASS, WHOLE, Dataset, order_classes
from eda.errors import DataError, first_line
from eda.images import upright_size
from eda.read.folder import folder_dataset
from eda.read.photos import Match, PhotoFolder
from eda.read.tables import Tables, box_row
from eda.read.values import printable, whole_number

SPLITS = ("train", "val", "valid", "test")
DESCRIPTIONS = (".yaml", ".yml", ".txt")
"""Endings of files that name the classes."""

PHOTO_SUFFIXES = {".bmp", ".gif", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp"}
BOX_VALUES = 4
MIN_POLYGON_VALUES = 6


class Description(NamedTuple):
    """What data.yaml or classes.txt says.

    names: of the classes, by number
    splits: for each the folders of its photos, or text files that list them
    pose: whether keypoints follow the four numbers of a box
    """

    names: dict[int, str]
    splits: dict[str, list[str]]
    pose: bool


def find_yolo(folder: Path) -> Path | None:
    """Return the file that names the classes of a folder in YOLO's layout, or None.

    Other programs keep their settings in YAML files, too.
    """
    has_labels = any(path.is_dir() for pattern in ("labels", "*/labels") for path in folder.glob(pattern))
    described = [*sorted(folder.glob("*.yaml")), *sorted(folder.glob("*.yml")), folder / "classes.txt"]
    present = [path for path in described if has_labels and path.is_file()]
    return next(filter(names_classes, present), present[0] if present else None)


def names_classes(path: Path) -> bool:
    return path.suffix == ".txt" or b"names" in path.read_bytes()


def read_yolo(described: Path) -> Dataset:
    """Read the data set of a data.yaml or classes.txt; raise DataError if it leads to no class or no photo."""
    root = described.parent
    photos, tables = PhotoFolder(root), Tables()
    names, splits, pose = read_description(described)
    classes = order_classes(names.values())
    categories = {number: (name, classes.index(name)) for number, name in names.items()}
    labels = (path.relative_to(root) for path in root.glob("**/labels/**/*.txt"))
    unread = {path.as_posix() for path in labels if not any(part.startswith(".") for part in path.parts)}
    for split, values in splits.items():
        for path, photo in split_photos(photos, values, alone=len(splits) == 1):
            label = label_path(path)
            size = add_photo(tables, split, path, photo)
            if 0 in size:  # boxes in shares of an unknown size
                continue
            if (root / label).is_file():
                add_labels(tables, root / label, categories, size, pose=pose)
            unread.discard(label)
    if not tables.images:
        raise DataError(f"{described} leads to no photo; expected images/ beside labels/.")
    for label in sorted(unread):
        tables.notes.count("label-without-photo", "", f"“{printable(label)}”")
    return folder_dataset(photos, tables, classes, [described.name])


def read_description(path: Path) -> Description:
    """Read data.yaml or classes.txt; raise DataError without a class name."""
    try:
        text = path.read_text(encoding="utf-8-sig")
        document: Any = {"names": text.rstrip().splitlines()} if path.suffix == ".txt" else yaml.safe_load(text)
    except (OSError, ValueError, yaml.YAMLError, RecursionError) as error:  # a date that is none: ValueError
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
    # The values may be relative to `path`; its parts that are not here drop out, as those of the values do.
    start = document.get("path") or ""
    folders = {
        split: [f"{start}/{v}" if str(v).strip("./") else "" for v in (value if isinstance(value, list) else [value])]
        for split, value in values.items()
    }
    return Description(names, folders or {WHOLE: [""]}, pose="kpt_shape" in document)


def split_photos(photos: PhotoFolder, values: list[str], *, alone: bool) -> Iterator[tuple[str, Match]]:
    """Yield the photos of a split with their paths below the root, or the names of those that are not there.

    Each value is a folder, or a text file with a name on each line.
    The paths in a data.yaml are those of the machine that wrote it: the last parts count that exist here, but of
    several splits none is all of images/.
    """
    for value in values:
        parts = [part for part in value.replace("\\", "/").split("/") if part not in ("", ".", "..")]
        while parts and not is_there(photos.root.joinpath(*parts)):
            parts.pop(0)
        chosen = photos.root.joinpath(*parts)
        if chosen.is_file():
            found = ((name, photos.find(name, [""])) for name in read_list(chosen))
            yield from (
                (photo.path.relative_to(photos.root).as_posix() if photo.path else name, photo) for name, photo in found
            )
        elif (parts or not value) and (alone or parts != ["images"]):
            found_here = filter(is_photo, photos.within(["/".join(parts)]))
            yield from ((path, Match(photos.root / path)) for path in found_here)


def is_there(path: Path) -> bool:
    try:
        return path.exists()
    except OSError:  # a name longer than any file's
        return False


def read_list(path: Path) -> list[str]:
    """Return the names in a text file, one on a line; raise DataError if it is none."""
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(
            f"{path} is no list of photos in UTF-8 ({first_line(error)}); write one path a line."
        ) from error
    return [line.strip() for line in lines if line.strip()]


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


def add_photo(tables: Tables, split: str, path: str, photo: Match) -> tuple[int, int]:
    """Add the image of a photo, whose size is in its file; return it, or 0x0 if it cannot be read.

    The size is that of the photo after the turn that EXIF asks for: so do YOLO's own programs read it (Ultralytics,
    exif_size).
    """
    width, height = upright_size(photo.path) if photo.path else (0, 0)
    number = len(tables.images) + 1
    row = {"split": split, "image_id": number, "file_name": printable(path), "width": width, "height": height}
    tables.images.append(row)
    tables.photos.append(photo)
    return width, height


def add_labels(
    tables: Tables, path: Path, categories: dict[int, tuple[str, int]], size: tuple[int, int], *, pose: bool
) -> None:
    """Add the boxes of a label file to the last image; a line that is none becomes a box without numbers.

    With `pose`, what follows a box is keypoints, not a polygon.
    """
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
        bbox = pixels(words[1 : 1 + BOX_VALUES] if pose else words[1:], size)
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
