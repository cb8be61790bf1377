"""Where a cut between planted faults and the rest lies best, and what it is worth on data that did not choose it."""

import numpy as np

CUTS = np.arange(0.05, 1.0, 0.01)
"""Cuts that are tried."""


def precision_and_recall(values: np.ndarray, planted: np.ndarray, cut: float) -> tuple[float, float]:
    """Return the share of the values from `cut` on that was planted, and of the planted ones the share that they are.

    A share of nothing is 1.

    Args:
        values: float (N,); higher is more suspicious.
        planted: bool (N,).
        cut: the lowest value that counts as found.
    """
    found = values >= cut
    return share(planted[found]), share(found[planted])


def share(chosen: np.ndarray) -> float:
    return float(chosen.mean()) if len(chosen) else 1.0


def best_cut(values: np.ndarray, planted: np.ndarray) -> float:
    """Return the cut with the largest F1, the harmonic mean of precision and recall; of equal ones the middle."""
    f1 = []
    for cut in CUTS:
        precision, recall = precision_and_recall(values, planted, cut)
        f1.append(2 * precision * recall / max(precision + recall, 1e-9))
    best = np.flatnonzero(np.isclose(f1, max(f1)))
    return float(CUTS[best[len(best) // 2]])
