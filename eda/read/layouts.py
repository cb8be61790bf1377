"""Where a folder keeps its annotations in COCO's JSON, and its photos."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from eda.dataset import WHOLE, split_rank
from eda.errors import DataError

EXPECTED = (
    "expected annotations/*.json beside images/ (COCO, CVAT), <split>/_annotations.coco.json beside the photos "
    "(Roboflow), result.json beside images/ (Label Studio), or data.yaml beside images/ and labels/ (YOLO)"
)

ROBOFLOW = "_annotations.coco.json"

KEYPOINTS = "person_keypoints_"

OTHER_TASKS = ("captions_", KEYPOINTS, "panoptic_", "stuff_", "image_info_")
"""How COCO's own files begin that have no boxes, or repeat those of instances_*.json."""

PACKED = (".zip", ".tar", ".gz", ".tgz", ".bz2", ".xz", ".7z", ".rar")

UNSPLIT = ("result", "labels", "annotations", "coco", "instances", "default", "_annotations.coco")
"""Names of files that hold a whole data set, without splits."""


@dataclass(frozen=True)
class AnnotationFile:
    """One COCO file: its split, and the folders that its file names may be relative to, as paths below the root."""

    path: Path
    split: str
    bases: tuple[str, ...]


@dataclass(frozen=True)
class Layout:
    """The annotation files of a data set below `root`, training first; `ignored` are others beside them.

    Of `mixed` files, some may be JSON of another kind: they lie where any program writes its own.
    """

    root: Path
    files: tuple[AnnotationFile, ...]
    ignored: tuple[Path, ...] = ()
    mixed: bool = False


def find_coco(folder: Path) -> Layout | None:
    """Return the COCO files of a folder, or None if it has none; `folder` may be an annotation file itself.

    Raises DataError if there is no such folder.
    """
    if folder.suffix.lower() in PACKED and folder.is_file():
        raise DataError(f"{folder} is packed; unpack it and name the folder.")
    if folder.is_file():
        root = folder.parent.parent if folder.parent.name == "annotations" else folder.parent
        return Layout(root, (annotation_file(root, folder),))
    if not folder.is_dir():
        raise DataError(f"{folder} is not a folder; {EXPECTED}.")
    for pattern in ("annotations/*.json", f"*/{ROBOFLOW}", "*.json"):
        found = sorted(path for path in folder.glob(pattern) if not path.name.startswith("."))
        boxes = [path for path in found if not path.name.startswith(OTHER_TASKS)]
        # Without instances_*.json, the keypoints' file is the one with the boxes.
        chosen = boxes or [path for path in found if path.name.startswith(KEYPOINTS)]
        if chosen:
            files = distinct_splits([annotation_file(folder, path) for path in chosen])
            ignored = tuple(path for path in found if path not in chosen)
            return Layout(folder, files, ignored, mixed=pattern == "*.json")
    return None


def annotation_file(root: Path, path: Path) -> AnnotationFile:
    """Return a file with its split, and where its photos may lie."""
    if path.name == ROBOFLOW and path.parent != root:
        return AnnotationFile(path, path.parent.name, (path.parent.name,))
    split = path.stem.removeprefix("instances_").removeprefix(KEYPOINTS)
    bases = ("images", f"images/{split}", split, "data", "")
    return AnnotationFile(path, WHOLE if split in UNSPLIT else split, bases)


def distinct_splits(files: list[AnnotationFile]) -> tuple[AnnotationFile, ...]:
    """Return the files by split, training first; where two would share a split, they are named by their files."""
    splits = [file.split for file in files]
    distinct = [
        file if splits.count(file.split) == 1 else AnnotationFile(file.path, file.path.stem, file.bases)
        for file in files
    ]
    return tuple(sorted(distinct, key=lambda file: (split_rank(file.split), file.split)))


def no_layout(folder: Path, below: Iterable[Path] = ()) -> DataError:
    """Return the error for a folder without a layout; `below` are folders in it that have one."""
    named = sorted(path for path in below)
    if named:
        some = ", ".join(map(str, named[:3]))
        return DataError(f"{folder} has no annotations of its own; name one of the folders in it that have: {some}.")
    others = sorted(path.name for path in folder.glob("annotations/*.json"))
    if others:
        return DataError(f"{folder / 'annotations' / others[0]} has no boxes; expected instances_*.json beside it.")
    return DataError(f"{folder} has no annotations/*.json; {EXPECTED}.")
