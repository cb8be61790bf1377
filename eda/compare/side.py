"""One of the two data sets: explored from its folder, or read from its report."""

import json
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from eda.dataset import Dataset
from eda.errors import DataError
from eda.explore import explore
from eda.export import BOXES, FINDINGS, IMAGES, MEASURES, SCHEMA_VERSION
from eda.sources import open_dataset


@dataclass(frozen=True)
class Side:
    """A data set's tables, as `eda.explore` and `eda.export` have them, and its photos unless it is a report."""

    label: str
    synthetic: bool
    classes: tuple[str, ...]
    images: pd.DataFrame
    boxes: pd.DataFrame
    findings: pd.DataFrame
    dataset: Dataset | None = None


def read_side(folder: Path) -> Side:
    """Read a report, or else explore the data in `folder`; raise DataError if it is neither."""
    if (folder / MEASURES).is_file():
        return read_report(folder)
    with open_dataset(folder) as dataset:
        found = explore(dataset)
        tables = found.images, found.boxes, found.findings
        return Side(dataset.label, dataset.synthetic, dataset.classes, *tables, dataset)


def read_report(folder: Path) -> Side:
    """Read the tables that `write_measures` wrote; raise DataError if one is missing, damaged or of another version."""
    try:
        measures = json.loads((folder / MEASURES).read_text(encoding="utf-8"))
        version = measures["schema_version"]
    except (ValueError, KeyError, TypeError) as error:
        raise DataError(f"{folder / MEASURES} is damaged; write the report again.") from error
    if version != SCHEMA_VERSION:
        raise DataError(f"{folder / MEASURES} has schema_version {version}, expected {SCHEMA_VERSION}; write it again.")
    try:
        images, boxes, findings = (pd.read_parquet(folder / name) for name in (IMAGES, BOXES, FINDINGS))
        return Side(
            label=str(measures["source"]),
            synthetic=bool(measures["synthetic"]),
            classes=tuple(measures["classes"]),
            images=images.set_index("image_row"),
            boxes=boxes.set_index("box_row"),
            findings=findings,
        )
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(f"{folder} is no whole report: {type(error).__name__}; write it again.") from error
