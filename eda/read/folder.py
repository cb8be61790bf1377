"""A data set whose photos are files below one folder."""

from dataclasses import dataclass
from pathlib import Path

from eda.cppe5 import CLASS_NAMES, CPPE5
from eda.dataset import Dataset
from eda.read.photos import Match, PhotoFolder
from eda.read.tables import Tables, boxes_frame, images_frame
from eda.read.values import printable


@dataclass(frozen=True)
class FolderImages:
    """The photos of a folder by the rows of the images table, and the files that no annotation lists."""

    photos: tuple[Match, ...]
    rest: tuple[str, ...]

    def read(self, row: int) -> bytes:
        photo = self.photos[row]
        if photo.path is None:
            raise FileNotFoundError(photo.problem)
        return photo.path.read_bytes()

    def unlisted(self) -> list[str]:
        return list(self.rest)


def folder_dataset(
    photos: PhotoFolder, tables: Tables, classes: tuple[str, ...], files: list[str], *, synthetic: bool = False
) -> Dataset:
    """Return the rows that were read from `files` below a folder as a data set, named after the folder."""
    name = printable(photos.root.resolve().name)
    return Dataset(
        images=images_frame(tables.images),
        boxes=boxes_frame(tables.boxes),
        files=FolderImages(tuple(tables.photos), tuple(unlisted(photos, tables.photos))),
        source=f"folder “{name}”, {', '.join(printable(path) for path in files)}",
        synthetic=synthetic,
        classes=classes,
        name=CPPE5 if classes == CLASS_NAMES else name,
        notes=tables.notes.all(),
    )


def unlisted(photos: PhotoFolder, listed: list[Match]) -> list[str]:
    """Return the names of the files in images/, and beside a listed photo, that are not listed."""
    paths = {path.relative_to(photos.root) for match in listed if (path := match.path)}
    folders = {path.parent for path in paths} | {Path("images")}
    known = {path.as_posix() for path in paths}
    rest = [path for path in photos.files if path not in known and not folders.isdisjoint(Path(path).parents)]
    return [printable(path.removeprefix("images/")) for path in rest]
