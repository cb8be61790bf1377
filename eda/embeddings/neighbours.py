"""Nearest neighbours in the space of features, and what has none."""

from collections.abc import Iterator

import numpy as np
from sklearn.cluster import MiniBatchKMeans
from sklearn.decomposition import PCA
from sklearn.neighbors import NearestNeighbors
from sklearn.preprocessing import normalize

SEED = 0

DIMENSIONS = 128
"""Principal components that are kept: a ResNet-50's 2,048 features of one data set need no more, and it saves time."""

MAX_FITTED = 10_000
"""Of more vectors, the components are those of a random sample, and they are applied to this many at a time."""

NEIGHBOURS = 5

MAX_COMPARED = 3000
"""Vectors that one is compared with; see `nearest`."""

TRAINING = 40
"""Vectors for each cell of the k-means, as faiss advises at least."""

MAX_ROBUST_Z = 3.5
"""Of a value that is no outlier (Iglewicz and Hoaglin 1993)."""

MIN_SAMPLE = 10
"""Fewer values have no outliers."""


def reduce(vectors: np.ndarray) -> np.ndarray:
    """Return the first DIMENSIONS principal components of float32 vectors (N, C), each row of length 1."""
    components = min(DIMENSIONS, *vectors.shape)
    fitted = PCA(components, random_state=SEED).fit(sample(vectors, MAX_FITTED))
    blocks = (vectors[start : start + MAX_FITTED] for start in range(0, len(vectors), MAX_FITTED))
    return np.concatenate([normalize(fitted.transform(block)).astype(np.float32) for block in blocks])


def sample(vectors: np.ndarray, size: int) -> np.ndarray:
    """Return a random choice of at most `size` of the vectors, always the same."""
    if len(vectors) <= size:
        return vectors
    return vectors[np.random.default_rng(SEED).choice(len(vectors), size, replace=False)]


def nearest(vectors: np.ndarray, count: int = NEIGHBOURS) -> tuple[np.ndarray, np.ndarray]:
    """Return the cosine similarities and the positions of the nearest others of each vector of length 1, nearest first.

    Both are (N, count), or (N, N - 1) of fewer vectors. Of at most MAX_COMPARED vectors each is compared with each; of
    more, each with about MAX_COMPARED near it, so that the time grows with N.
    """
    count = min(count, len(vectors) - 1)
    similarities = np.empty((len(vectors), count), dtype=np.float32)
    positions = np.empty((len(vectors), count), dtype=np.int64)
    for members, compared in neighbourhoods(vectors):
        index = NearestNeighbors(n_neighbors=count + 1, algorithm="brute").fit(vectors[compared])
        distances, found = index.kneighbors(vectors[members])
        others = compared[found] != members[:, None]
        others[others.all(axis=1), -1] = False  # a vector with more equals than neighbours does not find itself
        similarities[members] = 1 - distances[others].reshape(-1, count) ** 2 / 2
        positions[members] = compared[found][others].reshape(-1, count)
    return similarities, positions


def neighbourhoods(vectors: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield positions of vectors that lie together, with those that they are compared with, themselves among them.

    An inverted file (Jégou, Douze and Schmid 2011): √N cells by k-means; a cell is compared with the nearest cells that
    have MAX_COMPARED vectors together.
    """
    everything = np.arange(len(vectors))
    if len(vectors) <= MAX_COMPARED:
        yield everything, everything
        return
    cells = round(len(vectors) ** 0.5)
    means = MiniBatchKMeans(cells, n_init=1, random_state=SEED).fit(sample(vectors, TRAINING * cells))
    labels = means.predict(vectors)
    by_cell = np.split(np.argsort(labels, kind="stable"), np.cumsum(np.bincount(labels, minlength=cells))[:-1])
    for centre, members in zip(means.cluster_centers_, by_cell, strict=True):
        if len(members):
            order = np.argsort(np.linalg.norm(means.cluster_centers_ - centre, axis=1), kind="stable")
            enough = int(np.searchsorted(np.cumsum([len(by_cell[cell]) for cell in order]), MAX_COMPARED))
            yield members, np.concatenate([by_cell[cell] for cell in order[: enough + 1]])


def robust_z(values: np.ndarray) -> np.ndarray:
    """Return 0.6745 (value - median) / MAD, the distance in standard deviations of a normal distribution.

    0 for all if half of the values are equal, and if there are fewer than MIN_SAMPLE.
    """
    deviations = values - np.median(values)
    mad = float(np.median(np.abs(deviations)))
    return 0.6745 * deviations / mad if mad > 0 and len(values) >= MIN_SAMPLE else np.zeros(len(values))


def outlier_scores(similarities: np.ndarray) -> np.ndarray:
    """Return the robust z of each item's mean distance (1 - similarity) to its neighbours; high stands apart."""
    return robust_z(1 - similarities.mean(axis=1))
