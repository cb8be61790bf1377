"""Read annotations in COCO's JSON, in any of the layouts that programs export."""

from pathlib import Path
from typing import Any

from eda.dataset import Dataset, Note
from eda.read.categories import join_classes, read_categories
from eda.read.documents import NotCocoError, check_lists, is_coco, read_json
from eda.read.folder import folder_dataset
from eda.read.layouts import AnnotationFile, Layout, find_coco, no_layout
from eda.read.photos import PhotoFolder
from eda.read.tables import REQUIRED, Tables

SYNTHETIC_MARK = "SYNTHETIC"
"""`eda.synthetic` writes annotation files whose `info.description` starts with this."""


def read_coco(folder: Path) -> Dataset:
    """Read every annotation file of a folder in a COCO layout (see `eda.read.layouts`), or one such file.

    Categories map to classes by *name*, so files may count from 0 or from 1. Raises DataError if the folder, a file or
    a field is missing or of the wrong type.
    """
    layout = find_coco(folder)
    if layout is None:
        raise no_layout(folder)
    return read_layout(layout)


def read_layout(layout: Layout) -> Dataset:
    """Read the annotation files of a COCO layout; raise DataError as `read_coco`, NotCocoError if a file is none."""
    photos, tables = PhotoFolder(layout.root), Tables()
    documents = read_documents(layout)
    categories = {
        file: read_categories(file.path, file.split, document, tables.notes) for file, document in documents.items()
    }
    classes = join_classes(categories.values(), tables.notes)
    for file, document in documents.items():
        photos.claim(
            (image["file_name"] for image in document["images"] if isinstance(image["file_name"], str)), file.bases
        )
    for file, document in documents.items():
        add_rows(tables, file, document, photos)
        tables.add_boxes(file.path, file.split, document["annotations"], categories[file].numbered(classes))
    for path in layout.ignored:
        tables.notes.add(Note("file-ignored", "", "its boxes, if any, are in another file", path.name))
    for file in layout.files:
        if file not in documents:
            tables.notes.add(Note("file-ignored", "", "it has no images or annotations of COCO's", file.path.name))
    names = [file.path.relative_to(layout.root).as_posix().removeprefix("annotations/") for file in documents]
    synthetic = any(description(document).startswith(SYNTHETIC_MARK) for document in documents.values())
    return folder_dataset(photos, tables, classes, names, synthetic=synthetic)


def read_documents(layout: Layout) -> dict[AnnotationFile, dict[str, Any]]:
    """Return the COCO documents with the lists and fields of REQUIRED; DataError names what is missing."""
    documents = {file: read_json(file.path) for file in layout.files}
    if layout.mixed:
        documents = {file: document for file, document in documents.items() if is_coco(document)}
    if not documents:
        path = layout.files[0].path
        raise NotCocoError(
            f"{path} has neither images nor annotations of COCO's; export the annotations as COCO or YOLO."
        )
    for file, document in documents.items():
        check_lists(file.path, document, REQUIRED)
    return documents


def add_rows(tables: Tables, file: AnnotationFile, document: dict[str, Any], photos: PhotoFolder) -> None:
    """Add the images of a document."""
    tables.add_images(file.path, file.split, document["images"], lambda name: photos.find(name, file.bases))


def description(document: dict[str, Any]) -> str:
    """Return `info.description`, or "" where `info` is none of COCO's."""
    info = document.get("info")
    return str(info.get("description", "")) if isinstance(info, dict) else ""
