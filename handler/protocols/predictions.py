"""From scores to the bytes that a client gets."""

import json
from collections.abc import Callable
from typing import TypedDict

import torch
from torch import Tensor

from handler.protocols.media_types import JSON, TEXT

CONTENT_TYPES = {JSON: JSON, TEXT: f"{TEXT}; charset=utf-8"}


class Prediction(TypedDict):
    """One class of an image, with its score from 0 to 1."""

    class_id: int
    label: str
    score: float


Predictions = list[Prediction]  # of one image, best first
ToDocument = Callable[[list[Predictions]], object]


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


def encode_response(predictions: list[Predictions], media_type: str, to_document: ToDocument) -> bytes:
    """Return the body of a response.

    Args:
        predictions: of each image of the request.
        media_type: `application/json` or `text/plain`.
        to_document: the protocol's JSON document.
    """
    if media_type == TEXT:
        # An empty line separates several images, as it does paragraphs.
        names = ("".join(f"{prediction['label']}\n" for prediction in image) for image in predictions)
        return "\n".join(names).encode()
    return json.dumps(to_document(predictions), ensure_ascii=False, separators=(",", ":")).encode()
