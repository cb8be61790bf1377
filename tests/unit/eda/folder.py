"""A small valid COCO folder, for a test to plant one fault in."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from PIL import Image

from eda.check import check
from eda.coco import read_coco
from eda.cppe5 import CLASS_NAMES
from eda.dataset import Dataset
from eda.explore import explore
from eda.images import image_facts

WIDTH, HEIGHT = 200, 120

GRAIN = 12
"""Standard deviation in levels of 255, so that no image counts as blurred."""


class CocoFolder:
    """Two splits of two images, each with two boxes of different classes; it has no findings."""

    def __init__(self, path: Path) -> None:
        self.path = path
        (path / "images").mkdir(parents=True)
        (path / "annotations").mkdir()
        self.documents: dict[str, dict[str, Any]] = {}
        for split, ids in {"train": (1, 2), "test": (3, 4)}.items():
            self.documents[split] = {
                "images": [self.image(image_id) for image_id in ids],
                "annotations": [box for image_id in ids for box in self.boxes(image_id)],
                "categories": [{"id": i + 1, "name": name} for i, name in enumerate(CLASS_NAMES)],
            }
        self.save()

    def image(self, image_id: int) -> dict[str, Any]:
        """Write an image file and return its entry."""
        self.draw(image_id).save(self.path / "images" / f"{image_id}.jpg", quality=90)
        return {"id": image_id, "file_name": f"{image_id}.jpg", "width": WIDTH, "height": HEIGHT}

    @staticmethod
    def draw(seed: int) -> Image.Image:
        """Return a grainy image in colour that resembles no other seed's."""
        rng = np.random.default_rng(seed)
        blocks = rng.integers(0, 256, (8, 8, 3), dtype=np.uint8)
        smooth = Image.fromarray(blocks).resize((WIDTH, HEIGHT), Image.Resampling.BICUBIC)
        grain = rng.normal(0, GRAIN, (HEIGHT, WIDTH, 1))
        return Image.fromarray(np.clip(np.asarray(smooth) + grain, 0, 255).astype(np.uint8))

    @staticmethod
    def boxes(image_id: int) -> list[dict[str, Any]]:
        """Return two disjoint boxes."""
        return [
            {
                "id": image_id * 10 + n,
                "image_id": image_id,
                "category_id": n + 1,
                "bbox": [10 + 90 * n, 20, 40, 50],
                "area": 2000,
            }
            for n in range(2)
        ]

    def replace_image(self, image_id: int, image: Image.Image) -> None:
        """Show another image under an id of the training split."""
        image.save(self.path / "images" / f"{image_id}.jpg", quality=95)
        entry = next(entry for entry in self.documents["train"]["images"] if entry["id"] == image_id)
        entry["width"], entry["height"] = image.size

    def add_images(self, count: int) -> None:
        """Add images with boxes to the training split, with ids from 101."""
        for image_id in range(101, 101 + count):
            self.documents["train"]["images"].append(self.image(image_id))
            self.documents["train"]["annotations"] += self.boxes(image_id)

    def box(self, index: int = 0, split: str = "train") -> dict[str, Any]:
        """Return an annotation, for the test to change."""
        box: dict[str, Any] = self.documents[split]["annotations"][index]
        return box

    def save(self) -> None:
        for split, document in self.documents.items():
            (self.path / "annotations" / f"{split}.json").write_text(json.dumps(document))

    def dataset(self) -> Dataset:
        self.save()
        return read_coco(self.path)

    def rules(self) -> list[tuple[str, int | None, int | None]]:
        """Return (rule, image id, box id) of every finding."""
        dataset = self.dataset()
        findings = check(dataset, image_facts(dataset))
        return [
            (row.rule, int_or_none(row.image_id), int_or_none(row.box_id)) for row in findings.itertuples(index=False)
        ]

    def rule_names(self) -> list[str]:
        return [rule for rule, _, _ in self.rules()]

    def messages(self) -> dict[str, str]:
        """Return the message of each finding by its rule."""
        return dict(messages_of(self.dataset()))


def messages_of(dataset: Dataset) -> list[tuple[str, str]]:
    """Return rule and message of every finding."""
    findings = explore(dataset).findings
    return list(zip(findings["rule"], findings["message"], strict=True))


def move(folder: Path, source: str, target: str) -> None:
    (folder / target).parent.mkdir(parents=True, exist_ok=True)
    (folder / source).rename(folder / target)


def int_or_none(value: Any) -> int | None:
    """Return a nullable pandas integer as a Python integer."""
    return None if pd.isna(value) else int(value)
