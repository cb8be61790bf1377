"""KServe's V1 protocol, also TensorFlow Serving's: images in base64 as `instances`, `predictions` in the same order."""

import base64
import binascii
import json
import string
from collections.abc import Iterator, Mapping
from typing import Any

from handler.errors import (
    EMPTY_BODY,
    INVALID_BASE64,
    INVALID_JSON,
    INVALID_PARAMETER,
    NO_IMAGE,
    TOO_MANY_IMAGES,
    RequestError,
)
from handler.protocols.media_types import content_type_of, is_json
from handler.protocols.parameters import shown
from handler.protocols.predictions import Predictions

WITHOUT_WHITESPACE = str.maketrans("", "", string.whitespace)
EXAMPLE = 'send {"instances": [{"b64": "<the image in base64>"}]}'


def speaks(row: Mapping[str, Any], header: Mapping[str, str]) -> bool:
    """Whether a row is JSON: TorchServe has parsed it already where it knows the content type."""
    return isinstance(row.get("body"), (dict, list)) or is_json(content_type_of(header))


def parse(row: Mapping[str, Any], _header: Mapping[str, str], max_images: int) -> tuple[list[bytes], dict[str, Any]]:
    """Return the images and the parameters of one row.

    Args:
        row: the request as TorchServe hands it over.
        max_images: most images in one request.

    Raises:
        RequestError: empty-body, invalid-json, invalid-base64, invalid-parameter, no-image or too-many-images.
    """
    document = _object(row.get("body"))
    return list(_images(document, max_images)), _parameters(document)


def to_document(predictions: list[Predictions]) -> object:
    """Return the predictions of all instances."""
    return {"predictions": predictions}


def _object(body: Any) -> dict[str, Any]:
    if body is None or body in (b"", ""):
        raise RequestError(EMPTY_BODY, f"the JSON body is empty: {EXAMPLE}")
    if isinstance(body, (bytes, bytearray, str)):
        try:
            body = json.loads(body)
        except (ValueError, RecursionError) as error:
            raise RequestError(INVALID_JSON, f"the body is not JSON ({error}): {EXAMPLE}") from error
    if not isinstance(body, dict):
        raise RequestError(INVALID_JSON, f"the body is no JSON object: {EXAMPLE}")
    return body


def _images(document: dict[str, Any], max_images: int) -> Iterator[bytes]:
    instances = document.get("instances")
    if not isinstance(instances, list):
        raise RequestError(INVALID_JSON, f'"instances" is missing or no list: {EXAMPLE}')
    if not instances:
        raise RequestError(NO_IMAGE, f'"instances" is empty: {EXAMPLE}')
    if len(instances) > max_images:
        raise RequestError(
            TOO_MANY_IMAGES, f"{len(instances)} images in one request: send at most {max_images} at a time"
        )
    for index, instance in enumerate(instances):
        encoded = instance.get("b64") if isinstance(instance, dict) else None
        if not isinstance(encoded, str):
            raise RequestError(INVALID_JSON, f'instance {index} has no text in "b64": {EXAMPLE}')
        if not encoded:
            raise RequestError(EMPTY_BODY, f"instance {index} has no bytes: {EXAMPLE}")
        try:
            # The base64 command breaks its lines; no other character beside base64's own is allowed.
            yield base64.b64decode(encoded.translate(WITHOUT_WHITESPACE), validate=True)
        except (binascii.Error, ValueError) as error:
            raise RequestError(
                INVALID_BASE64,
                f"instance {index} is not base64 ({error}): send what base64 -w0 photo.jpg prints",
            ) from error


def _parameters(document: dict[str, Any]) -> dict[str, Any]:
    parameters = document.get("parameters")
    if parameters is None:
        return {}
    if not isinstance(parameters, dict):
        raise RequestError(INVALID_JSON, '"parameters" is no object: send {"parameters": {"top_k": 3}}')
    for name in parameters:
        if name not in ("top_k", "threshold"):
            raise RequestError(INVALID_PARAMETER, f"there is no parameter {shown(name)}: send top_k or threshold")
    return {name: value for name, value in parameters.items() if value is not None}
