"""From logits to scores."""

import torch
from torch import Tensor

from handler.manifest import ScoresName


def scores_of(logits: Tensor, scores: ScoresName) -> Tensor:
    """Return scores from 0 to 1 in float32, shape (N, classes).

    Args:
        logits: of any floating-point type, shape (N, classes).
        scores: `softmax` over all classes, or the `sigmoid` of each.
    """
    logits = logits.to(torch.float32)
    return torch.sigmoid(logits) if scores == "sigmoid" else torch.softmax(logits, -1)
