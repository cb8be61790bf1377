"""Altered copies (cropped, mirrored, re-encoded, brighter) and photos of one scene, which a perceptual hash misses."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import NamedTuple

import numpy as np
import pandas as pd
from PIL import Image
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from tqdm import tqdm

from eda.dataset import Dataset
from eda.embeddings.alignment import NONE, Alignment, align, thumbnail
from eda.embeddings.neighbours import MAX_ROBUST_Z, robust_z
from eda.embeddings.result import Features
from eda.images import open_image

CANDIDATES = 3
"""Nearest neighbours of an image that are compared with it."""

MAX_FLOOR = 0.8
"""Cosine similarity from which a neighbour is compared in any case. It is also compared if it is more similar than the
median of the nearest neighbours: a copy is nearer than what the images of a data set usually have nearest."""

MIN_CORRELATION = 0.8
"""Of an altered copy's alignment. Of COCO's and CPPE-5's photos, no two different ones that are neighbours reach 0.77;
crops of 40 % and more, mirrored, re-encoded, brighter or darker copies all do reach 0.8 (see docs/eda.md)."""

DRAWN_SIDE = 192
"""Pixels of the longer side of the image that a thumbnail is made of."""

WORKERS = 2
HASH_RULES = ("photo-duplicate", "photo-near-duplicate", "leak-duplicate", "leak-near-duplicate")
"""They report their pairs already."""


class SimilarPair(NamedTuple):
    """Two images, by their row labels, the earlier one second.

    kind: "similar" for an altered copy, "same-scene" if only the features are far more similar than usual
    similarity: cosine of the features
    alignment: of the pixels
    """

    row: int
    other: int
    kind: str
    similarity: float
    alignment: Alignment


def similar_pairs(
    dataset: Dataset, findings: pd.DataFrame, features: Features, nearest: tuple[np.ndarray, np.ndarray]
) -> list[SimilarPair]:
    """Return the pairs of images that are altered copies or show one scene; see `compared_pairs`."""
    unusual = dict(zip(features.image_rows, robust_z(nearest[0][:, 0]), strict=True))
    found = []
    for pair in compared_pairs(dataset, findings, features, nearest):
        if pair.alignment.correlation >= MIN_CORRELATION:
            found.append(pair)
        elif min(unusual[pair.row], unusual[pair.other]) > MAX_ROBUST_Z:
            found.append(pair._replace(kind="same-scene"))
    return found


def compared_pairs(
    dataset: Dataset, findings: pd.DataFrame, features: Features, nearest: tuple[np.ndarray, np.ndarray]
) -> Iterator[SimilarPair]:
    """Yield the pairs whose pixels are worth comparing, as if all were "similar"; show progress on stderr.

    Args:
        dataset: where the files are.
        findings: of `eda.check`; pairs that the hashes found are left out.
        features: of the images.
        nearest: similarities and positions of each image's neighbours (`eda.embeddings.neighbours.nearest`).
    """
    known = reported(dataset, findings)
    pairs = [pair for pair in candidates(features.image_rows, *nearest) if not known(*pair[:2])]
    thumbnails = make_thumbnails(dataset, sorted({row for pair in pairs for row in pair[:2]}))
    for row, other, similarity in tqdm(pairs, desc="pairs", unit="pair"):  # two threads would wait for the GIL
        first, second = thumbnails[row], thumbnails[other]
        aligned = NONE if first is None or second is None else align(first, second)
        yield SimilarPair(row, other, "similar", similarity, aligned)


def reported(dataset: Dataset, findings: pd.DataFrame) -> Callable[[int, int], bool]:
    """Return what tells whether the hashes' findings report the later of two images with such an image in that split.

    Of an image that is there many times, they pair each copy with one earlier copy of each split only.
    """
    splits = dataset.images["split"].to_dict()
    pairs = [tuple(rows) for rows in findings.loc[findings["rule"].isin(HASH_RULES), "image_rows"]]
    nodes, places = np.unique(np.array(pairs, dtype=np.int64).reshape(-1, 2), return_inverse=True)
    links = coo_array((np.ones(len(pairs)), places.reshape(-1, 2).T), shape=(len(nodes), len(nodes)))
    groups = dict(zip(nodes.tolist(), connected_components(links, directed=False)[1], strict=True)) if pairs else {}
    named = {(row, splits[other], groups[other]) for row, other in pairs}
    return lambda row, other: (row, splits[other], groups.get(other)) in named


def candidates(rows: np.ndarray, similarities: np.ndarray, positions: np.ndarray) -> Iterator[tuple[int, int, float]]:
    """Yield pairs of row labels, the later one first, with their similarity, that are worth comparing; each once."""
    floor = min(MAX_FLOOR, float(np.median(similarities[:, 0]))) if len(rows) > 1 else MAX_FLOOR
    seen = set()
    for position, row in enumerate(rows):
        for similarity, neighbour in zip(similarities[position, :CANDIDATES], positions[position], strict=False):
            pair = max(int(row), int(rows[neighbour])), min(int(row), int(rows[neighbour]))
            if similarity >= floor and pair not in seen:
                seen.add(pair)
                yield *pair, float(similarity)


def make_thumbnails(dataset: Dataset, rows: list[int]) -> dict[int, Image.Image | None]:
    """Return the thumbnail of each of these images; None for one that Pillow cannot decode."""
    with ThreadPoolExecutor(WORKERS) as pool:
        return dict(zip(rows, pool.map(partial(thumbnail_of, dataset), rows), strict=True))


def thumbnail_of(dataset: Dataset, row: int) -> Image.Image | None:
    try:
        return thumbnail(open_image(dataset, row, DRAWN_SIDE))
    except Exception:  # noqa: BLE001  (a decoder may raise anything; the findings name the photo)
        return None
