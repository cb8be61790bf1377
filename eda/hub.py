"""Read CPPE-5 from the Hugging Face Hub, at a pinned revision, through `datasets`."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import datasets
import httpx2  # what huggingface_hub 2 speaks HTTP with: its bare connection errors are not wrapped
import pandas as pd
from huggingface_hub import HfApi, hf_hub_download
from huggingface_hub.errors import LocalEntryNotFoundError
from pyarrow import ArrowInvalid  # type: ignore[import-untyped]

from eda.coco import box_row, boxes_frame
from eda.cppe5 import HUB_FILES, HUB_REPO, HUB_REVISION
from eda.dataset import Dataset
from eda.errors import DataError, HubError, first_line

COLUMNS = {"image_id", "image", "width", "height", "objects"}
OBJECT_FIELDS = {"id", "area", "bbox", "category"}
PROBE_SECONDS = 10.0


@dataclass(frozen=True)
class HubPhotos:
    """Photos inside memory-mapped Arrow tables; `rows` says which table and which row of it."""

    splits: Mapping[str, Any]
    rows: tuple[tuple[str, int], ...]

    def read(self, row: int) -> bytes:
        """Return the encoded photo of that row; FileNotFoundError if the row holds none."""
        split, position = self.rows[row]
        cell = self.splits[split][position]["image"]
        if not cell or not cell.get("bytes"):
            raise FileNotFoundError(f"row {position} of {split} holds no photo")
        photo: bytes = cell["bytes"]
        return photo

    def unlisted(self) -> list[str]:
        """Return nothing: on the Hub a photo and its boxes are one row."""
        return []


def read_hub() -> Dataset:
    """Return CPPE-5 from the local Hub cache or the Hub (HF_HOME, HF_ENDPOINT, HF_HUB_OFFLINE are respected).

    Raises HubError when it is not in the cache and the Hub does not give it.
    """
    try:
        files = {split: download(path, cached=True) for split, path in HUB_FILES.items()}
    except LocalEntryNotFoundError:
        files = fetch_files()
    return read_parquet(files, f"Hub {HUB_REPO} at {HUB_REVISION[:8]}")


def fetch_files() -> dict[str, Path]:
    """Download both parquet files (241 MB); HubError says why if that fails."""
    try:
        # One quick question first: without it `hf_hub_download` retries a dead connection for 23 seconds.
        HfApi().dataset_info(HUB_REPO, revision=HUB_REVISION, timeout=PROBE_SECONDS)
        return {split: download(path, cached=False) for split, path in HUB_FILES.items()}
    except (OSError, httpx2.HTTPError) as error:
        raise HubError(
            f"The Hugging Face Hub did not give {HUB_REPO} ({first_line(error)}); name a folder with --data."
        ) from error


def download(path: str, *, cached: bool) -> Path:
    """Return the local copy of one file of the pinned revision, from the cache alone if `cached`."""
    return Path(hf_hub_download(HUB_REPO, path, repo_type="dataset", revision=HUB_REVISION, local_files_only=cached))


def read_parquet(files: Mapping[str, Path], source: str) -> Dataset:
    """Return parquet files (one a split) as a Dataset; DataError if the schema is not the Hub's."""
    try:
        loaded = datasets.load_dataset("parquet", data_files={split: str(path) for split, path in files.items()})
    except (datasets.exceptions.DatasetGenerationError, ArrowInvalid) as error:
        raise DataError(f"{source}: a parquet file is cut off or damaged; delete it and fetch it again.") from error
    splits = {
        split: table.cast_column("image", datasets.Image(decode=False)) for split, table in checked(loaded, source)
    }
    images, boxes = [], []
    for split, table in splits.items():
        names = table.features["objects"]["category"].feature.names
        without_pixels = table.select_columns(sorted(COLUMNS - {"image"}))
        for record in without_pixels:
            images.append(image_row(split, record))
            boxes.extend(box_rows(split, record, names))
    rows = tuple((split, position) for split, table in splits.items() for position in range(len(table)))
    return Dataset(
        images=pd.DataFrame(images),
        boxes=boxes_frame(boxes),
        photos=HubPhotos(splits, rows),
        source=source,
        synthetic=False,
    )


def checked(loaded: Any, source: str) -> list[tuple[str, Any]]:
    """Return the splits, each held to the Hub's columns; DataError names what is absent."""
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
    """Return one record as a row of the schema IMAGES. The Hub keeps no file names."""
    return {
        "split": split,
        "image_id": record["image_id"],
        "file_name": "",
        "width": record["width"],
        "height": record["height"],
    }


def box_rows(split: str, record: Mapping[str, Any], names: list[str]) -> list[dict[str, Any]]:
    """Return the objects of one record as rows of the schema BOXES; classes are mapped by name."""
    objects = record["objects"]
    rows = []
    for position, box_id in enumerate(objects["id"]):
        label = objects["category"][position]
        category = names[label] if 0 <= label < len(names) else str(label)
        ids = (split, record["image_id"], box_id)
        bbox, area = objects["bbox"][position], objects["area"][position]
        rows.append(box_row(ids, category, bbox, area, set_aside=False))
    return rows
