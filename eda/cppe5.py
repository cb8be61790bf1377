"""CPPE-5's classes, its pinned revision on the Hub, and the published baselines."""

from typing import NamedTuple

CPPE5 = "CPPE-5"
CLASS_NAMES = ("Coverall", "Face_Shield", "Gloves", "Goggles", "Mask")
"""The index is the class id here and on the Hub (0-4). The original JSON counts from 1; the readers map by name."""

HUB_REPO = "rishitdagli/cppe-5"
HUB_REVISION = "66f6a5efd474e35bd7cb94bf15dea27d4c6ad3f8"
"""A commit of the Hub's `main` with the two parquet files below (237,015,519 and 4,137,134 bytes).

Source: a public record of a download, the `DatasetInfo` in the documentation of a MAITE data set wrapper
(`hf://datasets/cppe-5@66f6a5ef.../data/train-00000-of-00001.parquet`, 1,000 + 29 rows, first train row image_id 15).
It has not been checked against the live Hub, which could not be reached from the machine where this was written.
"""
HUB_FILES = {
    "train": "data/train-00000-of-00001.parquet",
    "test": "data/test-00000-of-00001.parquet",
}


class Baseline(NamedTuple):
    """Published box AP of one detector on the CPPE-5 test split, in percent (COCO's definition)."""

    name: str
    ap: float
    ap_small: float
    ap_medium: float
    ap_large: float


BASELINES = (
    Baseline("SSD", 29.5, 32.1, 23.1, 34.6),
    Baseline("YOLOv3", 38.5, 23.1, 28.4, 49.0),
    Baseline("Faster R-CNN R101", 44.0, 30.0, 34.7, 52.5),
    Baseline("Deformable DETR", 48.0, 36.4, 35.2, 53.9),
    Baseline("VarifocalNet", 51.0, 39.0, 42.1, 58.8),
    Baseline("Double Heads", 52.0, 38.6, 41.0, 60.8),
    Baseline("TridentNet", 52.9, 42.6, 41.3, 62.6),
)
"""Source: MODEL_ZOO.md of the authors' repository Rishit-dagli/CPPE-Dataset (arXiv:2112.09569)."""
