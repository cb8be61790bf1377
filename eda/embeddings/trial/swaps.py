"""Swapped labels: how many are found, and how many boxes are flagged that were not swapped."""

import numpy as np
import pandas as pd

from eda.embeddings.cache import Cache
from eda.embeddings.features import compute_features
from eda.embeddings.labels import MIN_MARGIN, doubtful_boxes, plausibility
from eda.embeddings.neighbours import reduce
from eda.embeddings.network import Network
from eda.embeddings.trial.cuts import best_cut, precision_and_recall
from eda.explore import Exploration

SWAPPED = 0.1
"""Share of the boxes whose label is swapped for another class's."""

SEEDS = 20
"""Repetitions with other boxes; the figures are means."""


def find_swaps(reduced: np.ndarray, boxes: pd.DataFrame, seeds: int = SEEDS) -> dict[str, float]:
    """Return the mean precision and recall for swapped labels, and how many boxes are flagged with and without swaps.

    "held-out": of the boxes of one half of the images, with the margin that is best for the other half's.

    Args:
        reduced: the boxes' vectors (`eda.embeddings.neighbours.reduce`).
        boxes: with class_name and image_row.
        seeds: repetitions.
    """
    draws = []
    for seed in range(seeds):
        rng = np.random.default_rng(seed)
        swapped = swap_labels(boxes["class_name"].astype(str), rng)
        planted = swapped.ne(boxes["class_name"].astype(str)).to_numpy()
        table = plausibility(reduced, boxes.assign(class_name=swapped)).reindex(boxes.index)
        margins = (table["other"] - table["own"]).astype(float).fillna(0).to_numpy()  # 0: a class that is not judged
        precision, recall = precision_and_recall(margins, planted, MIN_MARGIN)
        half = halves(boxes["image_row"], rng)
        cut = best_cut(margins[half], planted[half])
        held_out = precision_and_recall(margins[~half], planted[~half], cut)
        draws.append((planted.sum(), (margins >= MIN_MARGIN).sum(), precision, recall, cut, *held_out))
    names = ("swapped", "flagged", "precision", "recall", "held-out margin", "held-out precision", "held-out recall")
    means = {name: float(value) for name, value in zip(names, np.mean(draws, axis=0), strict=True)}
    return {"boxes": len(boxes), **means, "flagged without swaps": len(doubtful_boxes(reduced, boxes))}


def swap_labels(names: pd.Series, rng: np.random.Generator) -> pd.Series:
    """Return the labels with SWAPPED of them replaced by another class."""
    classes = sorted(names.unique())
    swapped = names.copy()
    for position in rng.choice(len(names), round(SWAPPED * len(names)), replace=False):
        swapped.iloc[position] = rng.choice([name for name in classes if name != names.iloc[position]])
    return swapped


def halves(image_rows: pd.Series, rng: np.random.Generator) -> np.ndarray:
    """Return whether each box is in the first half of the images, in a random order."""
    images = rng.permutation(image_rows.unique())
    return np.asarray(image_rows.isin(images[: len(images) // 2]))


def box_vectors(found: Exploration, network: Network, cache: Cache) -> tuple[np.ndarray, pd.DataFrame]:
    """Return the reduced vectors of an exploration's boxes, and the boxes."""
    features = compute_features(found.dataset, found.images, found.boxes, network, cache)
    return reduce(features.boxes), found.boxes.loc[features.box_rows]
