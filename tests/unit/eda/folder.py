"""A small sound COCO folder that a test can spoil in one place."""

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
from eda.photos import photo_facts

WIDTH, HEIGHT = 200, 120


class CocoFolder:
    """Two splits of two photos, one box of another class in each corner of every photo: nothing to find."""

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
        """Write a photo of its own and return its entry."""
        self.photo(image_id).save(self.path / "images" / f"{image_id}.jpg", quality=90)
        return {"id": image_id, "file_name": f"{image_id}.jpg", "width": WIDTH, "height": HEIGHT}

    @staticmethod
    def photo(seed: int) -> Image.Image:
        """Return a picture that resembles no other seed's."""
        blocks = np.random.default_rng(seed).integers(0, 256, (8, 8, 3), dtype=np.uint8)
        return Image.fromarray(blocks).resize((WIDTH, HEIGHT), Image.Resampling.BICUBIC)

    @staticmethod
    def boxes(image_id: int) -> list[dict[str, Any]]:
        """Return two boxes that do not touch."""
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

    def box(self, place: int = 0, split: str = "train") -> dict[str, Any]:
        """Return one annotation, to be changed."""
        found: dict[str, Any] = self.documents[split]["annotations"][place]
        return found

    def save(self) -> None:
        """Write the annotation files again."""
        for split, document in self.documents.items():
            (self.path / "annotations" / f"{split}.json").write_text(json.dumps(document))

    def dataset(self) -> Dataset:
        """Save and load."""
        self.save()
        return read_coco(self.path)

    def rules(self) -> list[tuple[str, int | None, int | None]]:
        """Save, load, check: (rule, image id, box id) of every finding."""
        dataset = self.dataset()
        found = check(dataset, photo_facts(dataset))
        return [(row.rule, none_or_int(row.image_id), none_or_int(row.box_id)) for row in found.itertuples(index=False)]


def none_or_int(value: Any) -> int | None:
    """Return a nullable integer of pandas as Python's."""
    return None if pd.isna(value) else int(value)
