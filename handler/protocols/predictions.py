"""From scores to the top-k classes of an image."""

from typing import TypedDict

import torch
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
    order = torch.sort(scores, descending=True, stable=True)
    top = zip(order.indices[:top_k].tolist(), order.values[:top_k].tolist(), strict=True)
    return [
        {"class_id": index, "label": labels[index], "score": round(score, 6)}
        for index, score in top
        if score >= threshold
    ]
