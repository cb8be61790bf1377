"""Read CPPE-5 from the Hugging Face Hub, at a pinned revision, through `datasets`."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import datasets
import httpx2  # the HTTP client of huggingface_hub 2, which does not wrap its connection errors
import pandas as pd
from huggingface_hub import HfApi, hf_hub_download
from huggingface_hub.errors import LocalEntryNotFoundError
from pyarrow import ArrowInvalid

from eda.cppe5 import CPPE5, HUB_FILES, HUB_REPO, HUB_REVISION
from eda.dataset import UNKNOWN_CLASS, Dataset, order_classes
from eda.errors import DataError, HubError, first_line
from eda.read.tables import box_row, boxes_frame

COLUMNS = {"image_id", "image", "width", "height", "objects"}
OBJECT_FIELDS = {"id", "area", "bbox", "category"}
PROBE_SECONDS = 10.0


@dataclass(frozen=True)
class HubImages:
    """Image files inside memory-mapped Arrow tables; `rows` holds the split and the position of each."""

    splits: Mapping[str, Any]
    rows: tuple[tuple[str, int], ...]

    def read(self, row: int) -> bytes:
        split, position = self.rows[row]
        cell = self.splits[split][position]["image"]
        if not cell or not cell.get("bytes"):
            raise FileNotFoundError(f"row {position} of {split} has no image")
        content: bytes = cell["bytes"]
        return content

    def unlisted(self) -> list[str]:
        """Return nothing: on the Hub an image and its boxes are one row."""
        return []


def read_hub() -> Dataset:
    """Read CPPE-5 from the local Hub cache, or download it; HF_HOME, HF_ENDPOINT and HF_HUB_OFFLINE apply.

    Raises HubError if it is neither in the cache nor on the Hub.
    """
    try:
        files = {split: download(path, cached=True) for split, path in HUB_FILES.items()}
    except LocalEntryNotFoundError:
        files = fetch_files()
    return read_parquet(files, f"Hub {HUB_REPO} at {HUB_REVISION[:8]}")


def fetch_files() -> dict[str, Path]:
    """Download both parquet files (241 MB); raise HubError if that fails."""
    try:
        # A quick request first: `hf_hub_download` retries a dead connection for 23 seconds.
        HfApi().dataset_info(HUB_REPO, revision=HUB_REVISION, timeout=PROBE_SECONDS)
        return {split: download(path, cached=False) for split, path in HUB_FILES.items()}
    except (OSError, httpx2.HTTPError) as error:
        raise HubError(
            f"The Hugging Face Hub did not give {HUB_REPO} ({first_line(error)}); name a folder with --data."
        ) from error


def download(path: str, *, cached: bool) -> Path:
    """Return the path of one file of the pinned revision, only from the cache if `cached`."""
    return Path(hf_hub_download(HUB_REPO, path, repo_type="dataset", revision=HUB_REVISION, local_files_only=cached))


def read_parquet(files: Mapping[str, Path], source: str) -> Dataset:
    """Read parquet files, one for each split; raise DataError if their schema is not the Hub's."""
    try:
        loaded = datasets.load_dataset("parquet", data_files={split: str(path) for split, path in files.items()})
    except (datasets.exceptions.DatasetGenerationError, ArrowInvalid) as error:
        raise DataError(f"{source}: a parquet file is cut off or damaged; delete it and fetch it again.") from error
    splits = {
        split: table.cast_column("image", datasets.Image(decode=False)) for split, table in check_schema(loaded, source)
    }
    images, boxes = [], []
    labels = {split: table.features["objects"]["category"].feature.names for split, table in splits.items()}
    classes = order_classes(name for names in labels.values() for name in names)
    for split, table in splits.items():
        without_pixels = table.select_columns(sorted(COLUMNS - {"image"}))
        for record in without_pixels:
            images.append(image_row(split, record))
            boxes.extend(box_rows(split, record, labels[split], classes))
    rows = tuple((split, position) for split, table in splits.items() for position in range(len(table)))
    return Dataset(
        images=pd.DataFrame(images),
        boxes=boxes_frame(boxes),
        files=HubImages(splits, rows),
        source=source,
        synthetic=False,
        classes=classes,
        name=CPPE5,
    )


def check_schema(loaded: Any, source: str) -> list[tuple[str, Any]]:
    """Return the splits if they have the Hub's columns; raise DataError otherwise."""
    for split, table in loaded.items():
        absent = COLUMNS - set(table.column_names)
        if not absent:
            fields = table.features["objects"]
            fields = getattr(fields, "feature", fields)
            absent = {f"objects.{name}" for name in OBJECT_FIELDS - set(fields)}
        if absent:
            raise DataError(f"{source}: split {split} has no {', '.join(sorted(absent))}; expected CPPE-5's columns.")
        if not isinstance(fields["category"].feature, datasets.ClassLabel):
            raise DataError(f"{source}: split {split} has objects.category without class names.")
    return list(loaded.items())


def image_row(split: str, record: Mapping[str, Any]) -> dict[str, Any]:
    """Return one record as a row of the schema IMAGES; the Hub has no file names."""
    return {
        "split": split,
        "image_id": record["image_id"],
        "file_name": "",
        "width": record["width"],
        "height": record["height"],
    }


def box_rows(split: str, record: Mapping[str, Any], names: list[str], classes: tuple[str, ...]) -> list[dict[str, Any]]:
    """Return the objects of one record as rows of the schema BOXES; classes map by name."""
    objects = record["objects"]
    rows = []
    for position, box_id in enumerate(objects["id"]):
        label = objects["category"][position]
        known = 0 <= label < len(names)
        category = (names[label], classes.index(names[label])) if known else (str(label), UNKNOWN_CLASS)
        ids = (split, record["image_id"], box_id)
        bbox, area = objects["bbox"][position], objects["area"][position]
        rows.append(box_row(ids, category, bbox, area, set_aside=False))
    return rows
