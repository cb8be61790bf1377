"""Can a classifier tell two sets of vectors apart? (classifier two-sample test, Lopez-Paz and Oquab 2017)."""

from typing import NamedTuple

import numpy as np
from scipy.stats import rankdata

from eda.embeddings.neighbours import SEED

FOLDS = 10
"""Of the cross-validation: each vector's score comes from a classifier that has not seen it."""

PERMUTATIONS = 1999
"""Of the labels. The smallest p, 1 in 2,000, is still significant after the adjustment for 100 comparisons."""

MAX_VECTORS = 1000
"""Of a side; of more, a random sample is compared, so that the time has a bound."""

MIN_VECTORS = 10
"""Of a side; fewer cannot be told from noise."""

RIDGE = 0.1
"""Regularisation, as a multiple of the training vectors' mean squared distance from their mean. With more, a photo's
altered twin on the other side hides a small difference (see docs/eda.md)."""


class Separation(NamedTuple):
    """How well the two sets are told apart.

    auc: probability that a vector of the second set has a higher held-out score than one of the first; 0.5 is chance
    p: probability of such an AUC or a higher one if the sets were random halves of one set
    """

    auc: float
    p: float


def tell_apart(first: np.ndarray, second: np.ndarray) -> Separation:
    """Return how well a classifier tells vectors (N, C) of two sets apart, and the p of a permutation test.

    The classifier is ridge regression on the set. Its held-out scores are linear in the labels, so that one matrix
    gives the scores of every permutation of them.
    """
    rng = np.random.default_rng(SEED)
    first, second = (
        side if len(side) <= MAX_VECTORS else side[rng.choice(len(side), MAX_VECTORS, replace=False)]
        for side in (first, second)
    )
    vectors = np.concatenate([first, second]).astype(np.float64)
    weights = held_out_weights(vectors, rng.permutation(len(vectors)) % FOLDS)
    labels = np.repeat([0.0, 1.0], [len(first), len(second)])
    shuffled = np.stack([labels, *(rng.permutation(labels) for _ in range(PERMUTATIONS))], axis=1)
    found = areas(weights @ shuffled, shuffled)
    # The labels as they are count as one of the permutations (Phipson and Smyth 2010).
    return Separation(float(found[0]), float((found >= found[0]).mean()))


def held_out_weights(vectors: np.ndarray, folds: np.ndarray) -> np.ndarray:
    """Return the matrix (N, N) that makes held-out scores of labels (N,): ridge regression on the other folds."""
    products = vectors @ vectors.T
    weights = np.zeros(products.shape)
    for fold in np.unique(folds):
        test, train = np.flatnonzero(folds == fold), np.flatnonzero(folds != fold)
        # Products of vectors from which the training set's mean is subtracted.
        mean = products[np.ix_(train, train)].mean(axis=0)
        known = products[np.ix_(train, train)] - mean - mean[:, None] + mean.mean()
        asked = products[np.ix_(test, train)]
        asked = asked - mean - asked.mean(axis=1, keepdims=True) + mean.mean()
        ridge = max(RIDGE * float(np.trace(known)) / len(train), 1e-9)
        weights[np.ix_(test, train)] = np.linalg.solve(known + ridge * np.eye(len(train)), asked.T).T
    return weights


def areas(scores: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Return the area under the ROC curve of each column of scores, for labels 0 and 1; both (N, M)."""
    ranks, positive = rankdata(scores, axis=0), labels.sum(axis=0)
    wins = (ranks * labels).sum(axis=0) - positive * (positive + 1) / 2
    return np.asarray(wins / (positive * (len(labels) - positive)))
