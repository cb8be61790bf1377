"""How well planted faults are found: `python -m eda.embeddings.trial --help`.

Labels of boxes are swapped, and altered copies of photos are added; nothing is written to the data set.
"""

import argparse
import io
import json
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image, ImageEnhance, ImageOps
from threadpoolctl import threadpool_limits

from eda.check import check
from eda.coco import read_coco
from eda.dataset import Dataset
from eda.embeddings.archives import find_archive
from eda.embeddings.cache import CACHE, Cache, open_cache
from eda.embeddings.duplicates import similar_pairs
from eda.embeddings.features import compute_features
from eda.embeddings.labels import doubtful_boxes
from eda.embeddings.neighbours import nearest, reduce
from eda.embeddings.network import Network, open_network
from eda.errors import EdaError
from eda.explore import Exploration, explore
from eda.images import image_facts
from eda.read.tables import boxes_frame

SWAPPED = 0.1
"""Share of the boxes whose label is swapped for another class's."""
SEEDS = 5
"""Repetitions with other boxes; the figures are means."""

TURNS = 4
"""A fourth of the photos are copied at a time."""

Alteration = Callable[[Image.Image, np.random.Generator], Image.Image]


def crop(share: float) -> Alteration:
    """Return the alteration that keeps this share of the area, anywhere in the image."""

    def alter(image: Image.Image, rng: np.random.Generator) -> Image.Image:
        width, height = (round(side * share**0.5) for side in image.size)
        left, top = int(rng.integers(image.width - width + 1)), int(rng.integers(image.height - height + 1))
        return image.crop((left, top, left + width, top + height))

    return alter


ALTERATIONS: dict[str, Alteration] = {
    "mirrored": lambda image, _: ImageOps.mirror(image),
    "cropped to 80% of its area": crop(0.8),
    "cropped to 60%": crop(0.6),
    "cropped to 40%": crop(0.4),
    "cropped to 60% and mirrored": lambda image, rng: ImageOps.mirror(crop(0.6)(image, rng)),
    "half as large": lambda image, _: image.resize((image.width // 2, image.height // 2)),
    "1.4 times as bright": lambda image, _: ImageEnhance.Brightness(image).enhance(1.4),
    "0.55 times as bright": lambda image, _: ImageEnhance.Brightness(image).enhance(0.55),
    "grey": lambda image, _: image.convert("L"),
    "with a black border": lambda image, _: ImageOps.expand(image, round(0.08 * image.width)),
    "as a JPEG of quality 30": lambda image, _: image,
}


@dataclass(frozen=True)
class Encoded:
    """Image files in memory."""

    contents: tuple[bytes, ...]

    def read(self, row: int) -> bytes:
        return self.contents[row]

    def unlisted(self) -> list[str]:
        return []


def jpeg(image: Image.Image, quality: int = 90) -> bytes:
    out = io.BytesIO()
    image.convert("RGB").save(out, "JPEG", quality=quality)
    return out.getvalue()


def with_copies(photos: list[bytes], copied: list[int], name: str) -> Dataset:
    """Return the photos as the split train, and copies of some of them, altered in this way, as the split test."""
    rng = np.random.default_rng(0)
    copies = []
    for content in (photos[position] for position in copied):
        with Image.open(io.BytesIO(content)) as image:
            copies.append(jpeg(ALTERATIONS[name](image.convert("RGB"), rng), 30 if "quality" in name else 90))
    rows = []
    for position, content in enumerate([*photos, *copies]):
        with Image.open(io.BytesIO(content)) as image:
            width, height = image.size
        split = "train" if position < len(photos) else "test"
        file = f"{position}.jpg"
        rows.append({"split": split, "image_id": position, "file_name": file, "width": width, "height": height})
    files = Encoded((*photos, *copies))
    return Dataset(pd.DataFrame(rows), boxes_frame([]), files, "planted copies", False, ("none",), "planted copies")


def find_copies(photos: list[bytes], name: str, network: Network, cache: Cache) -> dict[str, float]:
    """Return how many copies the hashes find, how many they and the features find, and the features' precision.

    Every fourth photo has a copy, so that a copy is not what is usual, in turns until each had one.
    """
    hits = [copies_found(photos, list(range(turn, len(photos), TURNS)), name, network, cache) for turn in range(TURNS)]
    hashed, either, right, pairs = (sum(counts) for counts in zip(*hits, strict=True))
    return {
        "hash recall": hashed / len(photos),
        "recall": either / len(photos),
        "pairs found by features": pairs,
        "precision": right / pairs if pairs else 1.0,
    }


def copies_found(
    photos: list[bytes], copied: list[int], name: str, network: Network, cache: Cache
) -> tuple[int, int, int, int]:
    """Return how many planted pairs the hashes, either, and the features find, and how many pairs these find in all."""
    dataset = with_copies(photos, copied, name)
    facts = image_facts(dataset)
    findings = check(dataset, facts)
    images = dataset.images.join(facts)
    features = compute_features(dataset, images, no_boxes(), network, cache)
    pairs = similar_pairs(dataset, findings, features, nearest(features.images))
    found = {(pair.other, pair.row) for pair in pairs if pair.kind == "similar"}
    leaks = findings[findings["rule"].str.startswith("leak-")]
    hashed = {(rows[1], rows[0]) for rows in leaks["image_rows"]}
    planted = {(position, len(photos) + number) for number, position in enumerate(copied)}
    return len(planted & hashed), len(planted & (hashed | found)), len(planted & found), len(found)


def no_boxes() -> pd.DataFrame:
    return pd.DataFrame({"image_row": pd.Series(dtype=int)} | {name: pd.Series(dtype=float) for name in "xywh"})


def find_swaps(reduced: np.ndarray, boxes: pd.DataFrame, seeds: int = SEEDS) -> dict[str, float]:
    """Return the mean precision and recall for swapped labels, and how many boxes are flagged with and without swaps.

    `reduced` are the boxes' vectors (`eda.embeddings.neighbours.reduce`); `boxes` has class_name and image_row.
    """
    figures = []
    names = boxes["class_name"].astype(str)
    classes = sorted(names.unique())
    for seed in range(seeds):
        rng = np.random.default_rng(seed)
        chosen = rng.choice(len(boxes), round(SWAPPED * len(boxes)), replace=False)
        swapped = names.copy()
        for position in chosen:
            swapped.iloc[position] = rng.choice([name for name in classes if name != names.iloc[position]])
        flagged = set(doubtful_boxes(reduced, boxes.assign(class_name=swapped)).index)
        planted = set(boxes.index[chosen])
        hits = len(flagged & planted)
        figures.append((hits / max(1, len(flagged)), hits / len(planted), len(flagged)))
    precision, recall, count = np.mean(figures, axis=0)
    clean = len(doubtful_boxes(reduced, boxes))
    return {
        "boxes": len(boxes),
        "swapped": len(planted),
        "flagged": float(count),
        "precision": float(precision),
        "recall": float(recall),
        "flagged without swaps": clean,
    }


def box_vectors(found: Exploration, network: Network, cache: Cache) -> tuple[np.ndarray, pd.DataFrame]:
    """Return the reduced vectors of an exploration's boxes, and the boxes."""
    features = compute_features(found.dataset, found.images, found.boxes, network, cache)
    return reduce(features.boxes), found.boxes.loc[features.box_rows]


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; return 0, or 1 after one sentence on stderr."""
    options = argparse.ArgumentParser(prog="python -m eda.embeddings.trial", description=__doc__)
    options.add_argument("--data", type=Path, metavar="FOLDER", help="a COCO folder whose labels are swapped")
    options.add_argument("--photos", type=Path, metavar="FOLDER", help="photos of which altered copies are made")
    options.add_argument("--archive", type=Path, metavar="FILE", help="a .mar (default: the newest in model_store/)")
    named = options.parse_args(arguments)
    figures: dict[str, object] = {}
    try:
        archive = named.archive or find_archive()
        with threadpool_limits(1), open_network(archive) as network, open_cache(CACHE) as cache:
            figures["model"] = network.label
            if named.data:
                figures["swapped labels"] = find_swaps(*box_vectors(explore(read_coco(named.data)), network, cache))
            if named.photos:
                photos = [path.read_bytes() for path in sorted(named.photos.iterdir()) if path.is_file()]
                figures["altered copies"] = {name: find_copies(photos, name, network, cache) for name in ALTERATIONS}
    except EdaError as error:
        print(f"eda: {error}", file=sys.stderr)
        return 1
    print(json.dumps(figures, indent=1))
    return 0


if __name__ == "__main__":
    sys.exit(main())
