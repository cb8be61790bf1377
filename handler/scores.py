"""From logits to scores."""

import torch
from torch import Tensor


def scores_of(logits: Tensor) -> Tensor:
    """Return the softmax over all classes in float32, shape (N, classes)."""
    return torch.softmax(logits.to(torch.float32), dim=-1)
