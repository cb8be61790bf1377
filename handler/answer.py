"""From logits to the bytes a client gets."""

import json
from typing import Any

import torch
from torch import Tensor

from handler.manifest import Manifest
from handler.request import JSON, TEXT, Request

CONTENT_TYPES = {JSON: JSON, TEXT: f"{TEXT}; charset=utf-8"}


def scores_of(logits: Tensor) -> Tensor:
    """Return the softmax over all classes in float32, shape (N, classes)."""
    return torch.softmax(logits.to(torch.float32), dim=-1)


def top_classes(scores: Tensor, request: Request, labels: tuple[str, ...]) -> list[dict[str, Any]]:
    """Return the best classes of one image, best first, ties in index order.

    Args:
        scores: softmax of one image, shape (classes,).
        request: how many classes it wants, and how sure they must be.
        labels: class names in index order.
    """
    order = torch.sort(scores, descending=True, stable=True)
    best = zip(order.indices[: request.top_k].tolist(), order.values[: request.top_k].tolist(), strict=True)
    return [
        {"class_id": index, "label": labels[index], "score": round(score, 6)}
        for index, score in best
        if score >= request.threshold
    ]


def encode(scores: Tensor, request: Request, manifest: Manifest) -> bytes:
    """Return the body for one request.

    Args:
        scores: softmax of its images, shape (images, classes).
        request: what it asked for.
        manifest: the model.
    """
    predictions = [top_classes(row, request, manifest.labels) for row in scores]
    if request.media_type == TEXT:
        # Several images are told apart by an empty line, as paragraphs are.
        names = ("".join(f"{best['label']}\n" for best in classes) for classes in predictions)
        return "\n".join(names).encode()
    document = {"predictions": predictions} if request.instances else predictions[0]
    return json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode()
