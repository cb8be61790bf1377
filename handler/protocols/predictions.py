"""From scores to the top-k classes of an image."""

from typing import TypedDict

import numpy as np
from torch import Tensor


class Prediction(TypedDict):
    """One class of an image, with its score from 0 to 1."""

    class_id: int
    label: str
    score: float


Predictions = list[Prediction]  # of one image, best first


def predictions_of(scores: Tensor, top_k: int, threshold: float, labels: tuple[str, ...]) -> Predictions:
    """Return the top-k classes of one image, best first, ties in index order.

    Args:
        scores: of one image, shape (classes,).
        top_k: how many classes at most.
        threshold: their minimum score.
        labels: class names in index order.
    """
    negated = -scores.numpy()
    last = min(top_k, len(negated)) - 1
    # The top k and ties with the last of them, but also what is no number, which stays behind all others.
    found = np.flatnonzero(~(negated > np.partition(negated, last)[last]))
    order = found[np.argsort(negated[found], kind="stable")][:top_k]
    top = zip(order.tolist(), (-negated[order]).tolist(), strict=True)
    return [
        {"class_id": index, "label": labels[index], "score": round(score, 6)}
        for index, score in top
        if score >= threshold
    ]
