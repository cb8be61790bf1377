"""Choose the source: a folder, CPPE-5 on the Hub, or a generated sample."""

import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from eda.coco import read_coco, read_layout
from eda.dataset import Dataset
from eda.errors import HubError
from eda.read.documents import NotCocoError
from eda.read.layouts import find_coco, no_layout
from eda.read.yolo import DESCRIPTIONS, find_yolo, read_yolo
from eda.synthetic import SMALL, USUAL, write_sample

SAMPLE_SIZE = 40
"""Images in the sample that is generated when the Hub cannot be reached."""

FOLDER_VARIABLE = "CPPE5_DATA"
"""Environment variable that names the notebook's folder, as `DATA=` names that of `make eda`; empty for the Hub."""

TEST_SPLIT = Path("../shared/cppe5")
"""CPPE-5's test split, where it is beside the project."""


def notebook_folder() -> str:
    """Return the folder in FOLDER_VARIABLE, else TEST_SPLIT if it is there, else "" for the Hub."""
    return os.environ.get(FOLDER_VARIABLE, str(TEST_SPLIT) if TEST_SPLIT.is_dir() else "")


def read_folder(folder: Path) -> Dataset:
    """Read a folder in the layout that it has (see `eda.read`), or the file that describes one.

    Raises DataError if it has none.
    """
    if folder.is_file() and folder.suffix.lower() in DESCRIPTIONS:
        return read_yolo(folder)
    layout, described = find_coco(folder), find_yolo(folder)
    if layout:
        try:
            return read_layout(layout)
        except NotCocoError:  # YOLO's exports have JSON files, too
            if not (described and layout.mixed):
                raise
    if described:
        return read_yolo(described)
    raise no_layout(folder, filter(has_layout, folder.iterdir()))


def has_layout(path: Path) -> bool:
    return path.is_dir() and bool(find_coco(path) or find_yolo(path))


@contextmanager
def open_dataset(
    folder: Path | str = "", *, hub: bool = False, synthetic: int | None = None, small: bool = False
) -> Iterator[Dataset]:
    """Yield the data of `folder`, of only the Hub if `hub`, or of a sample of `synthetic` images, `small` ones or not.

    With none of them (an empty name is none), read the Hub; if it cannot be reached, generate a sample and say so on
    stderr. A sample is deleted when the block ends. Raises EdaError.
    """
    if folder:
        yield read_folder(Path(folder))
        return
    if synthetic is None:
        try:
            from eda.hub import read_hub  # noqa: PLC0415  (takes seconds to import; a folder does not need it)

            dataset = read_hub()
        except HubError as error:
            if hub:
                raise
            print(f"{error} Using a generated SYNTHETIC sample instead.", file=sys.stderr)
            synthetic = SAMPLE_SIZE
        else:
            yield dataset
            return
    with tempfile.TemporaryDirectory(prefix="cppe5-synthetic-") as name:
        write_sample(Path(name) / "sample", synthetic, kind=SMALL if small else USUAL)
        yield replace(read_coco(Path(name) / "sample"), source=f"generated sample of {synthetic} images")
