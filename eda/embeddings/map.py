"""The images on a plane: similar ones are near each other."""

import numpy as np
from sklearn.manifold import TSNE
from threadpoolctl import threadpool_limits

from eda.embeddings.neighbours import SEED

MAP_DIMENSIONS = 50
"""Principal components that t-SNE reads, as its authors advise (van der Maaten and Hinton 2008, 4.2)."""

MAX_MAPPED = 3000
"""Of more images, a random sample is drawn: the time grows with the number, and points would hide each other."""


def project(reduced: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the positions of the mapped items and their t-SNE coordinates (N, 2); the seed is fixed.

    `reduced` comes from `eda.embeddings.neighbours.reduce`. With fewer than 5 items there is no map.
    """
    positions = np.arange(len(reduced))
    if len(reduced) < 5:
        return positions[:0], np.zeros((0, 2))
    if len(reduced) > MAX_MAPPED:
        positions = np.sort(np.random.default_rng(SEED).choice(positions, MAX_MAPPED, replace=False))
    perplexity = min(30.0, (len(positions) - 1) / 4)
    tsne = TSNE(perplexity=perplexity, init="pca", random_state=SEED)
    # Set here, because OpenMP has a limit for each thread: beside other work, two threads of it wait for each other.
    with threadpool_limits(1):
        return positions, np.asarray(tsne.fit_transform(reduced[positions][:, :MAP_DIMENSIONS]))
