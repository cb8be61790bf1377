"""The photos of two data sets compared by a model's features."""

from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.neighbors import NearestNeighbors
from threadpoolctl import threadpool_limits

from eda.compare.joint import NAMES, join
from eda.compare.result import Likeness
from eda.compare.side import Side
from eda.compare.two_sample import MIN_VECTORS, tell_apart
from eda.embeddings.cache import CACHE, open_cache
from eda.embeddings.duplicates import SimilarPair, similar_pairs
from eda.embeddings.explore import pairs_table
from eda.embeddings.features import compute_features
from eda.embeddings.map import project
from eda.embeddings.neighbours import NEIGHBOURS, nearest, reduce
from eda.embeddings.network import open_network
from eda.embeddings.result import Features
from eda.explore import Exploration


def compare_photos(first: Side, second: Side, archive: Path, cache: Path = CACHE) -> Likeness | None:
    """Return how alike the photos of two sides with data are; None with too few. Show progress on stderr.

    Raises:
        ArchiveError: the archive cannot compute features.
    """
    joint = join(first, second)
    with open_network(archive) as network, open_cache(cache) as stored:
        features = compute_features(joint.dataset, joint.images, joint.boxes.iloc[:0], network, stored)
    return compare_features(joint, features)


def compare_features(joint: Exploration, features: Features) -> Likeness | None:
    """Compare the sides of a joint exploration by their images' features; None if one has under MIN_VECTORS."""
    sides = joint.images.loc[features.image_rows, "split"].to_numpy()
    in_first = sides == NAMES[0]
    first, second = features.images[in_first], features.images[~in_first]
    if min(len(first), len(second)) < MIN_VECTORS:
        return None
    with threadpool_limits(1):
        reduced = reduce(features.images)
        mapped, places = project(reduced)
        images = pd.DataFrame({"x": np.nan, "y": np.nan}, index=features.image_rows)
        images.iloc[mapped, [0, 1]] = places
        across = [nearest_of_other(features.images, reduced, own, ~own) for own in (in_first, ~in_first)]
        similarities, positions = across[1]
        own = 1 - nearest(first)[0].mean(axis=1)
        distances = 1 - similarities.mean(axis=1)
        mad = float(np.median(np.abs(own - np.median(own))))
        rows = features.image_rows[~in_first]
        images.loc[rows, "nearest"] = features.image_rows[positions[:, 0]]
        images.loc[rows, "similarity"] = similarities[:, 0]
        images.loc[rows, "outlier"] = 0.6745 * (distances - np.median(own)) / max(mad, 1e-6)
        return Likeness(
            joint=joint,
            model=features.model,
            separation=tell_apart(first, second),
            images=images,
            pairs=pairs_table(copies_across(joint, features, in_first, across)),
        )


def nearest_of_other(
    vectors: np.ndarray, reduced: np.ndarray, own: np.ndarray, other: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return the cosine similarities and positions of the nearest vectors of the other side, nearest first.

    Args:
        vectors: of both sides, each of length 1.
        reduced: the same by `eda.embeddings.neighbours.reduce`; they are searched, which takes a tenth of the time.
        own: which vectors are asked for.
        other: which may be found.
    """
    found = np.flatnonzero(other)
    index = NearestNeighbors(n_neighbors=min(NEIGHBOURS, len(found)), algorithm="brute").fit(reduced[found])
    positions = found[index.kneighbors(reduced[own], return_distance=False)]
    similarities = np.stack([(vectors[own] * vectors[column]).sum(axis=1) for column in positions.T], axis=1)
    order = np.argsort(-similarities, axis=1, kind="stable")
    return np.take_along_axis(similarities, order, axis=1), np.take_along_axis(positions, order, axis=1)


def copies_across(
    joint: Exploration, features: Features, in_first: np.ndarray, across: list[tuple[np.ndarray, np.ndarray]]
) -> list[SimilarPair]:
    """Return the photos of B that are altered copies of A's; show progress on stderr.

    `across` has the nearest of the other side (`nearest_of_other`), for A and for B.
    """
    count = min(NEIGHBOURS, in_first.sum(), (~in_first).sum())
    similarities, positions = np.zeros((len(in_first), count)), np.zeros((len(in_first), count), dtype=np.int64)
    for own, (found, places) in zip((in_first, ~in_first), across, strict=True):
        similarities[own], positions[own] = found[:, :count], places[:, :count]
    pairs = similar_pairs(joint.dataset, joint.findings, features, (similarities, positions))
    return [pair for pair in pairs if pair.kind == "similar"]
