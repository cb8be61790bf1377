"""From predictions to the bytes of a response, JSON or plain text."""

import json
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import NamedTuple

from handler.protocols.media_types import JSON, TEXT
from handler.protocols.predictions import Predictions

CONTENT_TYPES = {JSON: JSON, TEXT: f"{TEXT}; charset=utf-8"}

ToDocument = Callable[[list[Predictions]], object]


class Response(NamedTuple):
    """A response with predictions.

    Args:
        body: its bytes.
        content_type: what they are.
        headers: further headers.
    """

    body: bytes
    content_type: str
    headers: Mapping[str, str] = MappingProxyType({})


class ModelName(NamedTuple):
    """What a response says about the model that made it."""

    name: str
    version: str


def encode_response(predictions: list[Predictions], media_type: str, to_document: ToDocument) -> bytes:
    """Return the body of a response.

    Args:
        predictions: of each image of the request.
        media_type: `application/json` or `text/plain`.
        to_document: the protocol's JSON document.
    """
    if media_type == TEXT:
        # An empty line separates several images, as it does paragraphs; a label stays on its line whatever it holds.
        names = (
            "".join(f"{' '.join(prediction['label'].splitlines())}\n" for prediction in image) for image in predictions
        )
        return "\n".join(names).encode()
    return json.dumps(to_document(predictions), ensure_ascii=False, separators=(",", ":")).encode()
