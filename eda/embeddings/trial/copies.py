"""Altered copies of photos: how many are found, and how many pairs that are none."""

import io
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd
from PIL import Image, ImageEnhance, ImageOps

from eda.check import check
from eda.dataset import Dataset
from eda.embeddings.cache import Cache
from eda.embeddings.duplicates import HASH_RULES, MIN_CORRELATION, compared_pairs
from eda.embeddings.features import compute_features
from eda.embeddings.neighbours import nearest
from eda.embeddings.network import Network
from eda.embeddings.trial.cuts import best_cut
from eda.images import image_facts
from eda.read.tables import boxes_frame

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
    """Return the figures (`copy_figures`) of copies that are altered in this way."""
    return copy_figures(compare_copies(photos, name, network, cache))


def compare_copies(photos: list[bytes], name: str, network: Network, cache: Cache) -> pd.DataFrame:
    """Return one row for each planted pair, and for each other one that was compared.

    A copy of a photo and another photo that the hashes find nearly the same as that one are left out: they are alike.

    planted: whether one is a copy of the other
    hashed: whether the perceptual hashes find it
    correlation: of the aligned pixels; 0 if they were not compared

    Every fourth photo has a copy, so that a copy is not what is usual, in turns until each had one.
    """
    turns = (list(range(turn, len(photos), TURNS)) for turn in range(TURNS))
    return pd.concat([compare_some(photos, copied, name, network, cache) for copied in turns], ignore_index=True)


def compare_some(photos: list[bytes], copied: list[int], name: str, network: Network, cache: Cache) -> pd.DataFrame:
    """Return the rows of `compare_copies` of a data set with copies of some photos."""
    dataset = with_copies(photos, copied, name)
    facts = image_facts(dataset)
    findings = check(dataset, facts)
    features = compute_features(dataset, dataset.images.join(facts), no_boxes(), network, cache)
    hashed = {(rows[1], rows[0]) for rows in findings.loc[findings["rule"].isin(HASH_RULES), "image_rows"]}
    pairs = compared_pairs(dataset, findings, features, nearest(features.images))
    correlations = {(pair.other, pair.row): pair.alignment.correlation for pair in pairs}
    planted = [(position, len(photos) + number) for number, position in enumerate(copied)]
    return pd.DataFrame(
        [
            {"planted": pair in planted, "hashed": pair in hashed, "correlation": correlations.get(pair, 0.0)}
            for pair in dict.fromkeys([*planted, *correlations])
            if tuple(sorted(row if row < len(photos) else copied[row - len(photos)] for row in pair)) not in hashed
        ]
    )


def copy_figures(table: pd.DataFrame, cut: float = MIN_CORRELATION) -> dict[str, float]:
    """Return how many copies the hashes find, how many they and the features find, and the features' precision."""
    found = table["correlation"].ge(cut)
    planted = table[table["planted"]]
    return {
        "hash recall": float(planted["hashed"].mean()),
        "recall": float((planted["hashed"] | found[table["planted"]]).mean()),
        "pairs found by features": int(found.sum()),
        "precision": float(table.loc[found, "planted"].mean()) if found.any() else 1.0,
    }


def held_out_figures(compared: dict[str, dict[str, pd.DataFrame]]) -> dict[str, dict[str, float]]:
    """Return each folder's figures with the correlation that is best for the other folders'; nothing of one folder.

    Pairs that the hashes find choose nothing: their pixels are not compared.
    """
    tables = {folder: pd.concat(list(found.values()), ignore_index=True) for folder, found in compared.items()}
    figures = {}
    for folder, table in tables.items():
        others = [other for name, other in tables.items() if name != folder]
        if others:
            open_pairs = pd.concat(others).query("not hashed")
            cut = best_cut(open_pairs["correlation"].to_numpy(), open_pairs["planted"].to_numpy())
            figures[folder] = {"correlation": cut, **copy_figures(table, cut)}
    return figures


def no_boxes() -> pd.DataFrame:
    return pd.DataFrame({"image_row": pd.Series(dtype=int)} | {name: pd.Series(dtype=float) for name in "xywh"})
