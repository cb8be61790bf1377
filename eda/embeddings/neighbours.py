"""Nearest neighbours in the space of features, and what has none."""

import numpy as np
from sklearn.decomposition import PCA
from sklearn.neighbors import NearestNeighbors
from sklearn.preprocessing import normalize

SEED = 0

DIMENSIONS = 128
"""Principal components that are kept: a ResNet-50's 2,048 features of one data set need no more, and it saves time."""

NEIGHBOURS = 5

MAX_ROBUST_Z = 3.5
"""Of a value that is no outlier (Iglewicz and Hoaglin 1993)."""

MIN_SAMPLE = 10
"""Fewer values have no outliers."""


def reduce(vectors: np.ndarray) -> np.ndarray:
    """Return the first DIMENSIONS principal components of float32 vectors (N, C), each row of length 1."""
    components = min(DIMENSIONS, *vectors.shape)
    return np.asarray(normalize(PCA(components, random_state=SEED).fit_transform(vectors)), dtype=np.float32)


def nearest(vectors: np.ndarray, count: int = NEIGHBOURS) -> tuple[np.ndarray, np.ndarray]:
    """Return the cosine similarities and the positions of the nearest others of each vector of length 1, nearest first.

    Both are (N, count), or (N, N - 1) of fewer vectors. The index is exact: it compares blocks of all pairs.
    """
    count = min(count, len(vectors) - 1)
    index = NearestNeighbors(n_neighbors=count, algorithm="brute", metric="euclidean").fit(vectors)
    distances, positions = index.kneighbors()
    return 1 - distances**2 / 2, positions


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
