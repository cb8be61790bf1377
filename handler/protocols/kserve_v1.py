"""KServe's V1 protocol, also TensorFlow Serving's: images in base64 as `instances`, `predictions` in the same order."""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from handler.errors import (
    EMPTY_BODY,
    INVALID_JSON,
    INVALID_PARAMETER,
    NO_IMAGE,
    TOO_MANY_IMAGES,
    RequestError,
)
from handler.protocols.base64_text import from_base64
from handler.protocols.media_types import content_type_of, is_json, looks_like_image, looks_like_json
from handler.protocols.parameters import refuse_lookalikes, shown
from handler.protocols.predictions import Predictions

EXAMPLE = 'send {"instances": [{"b64": "<the image in base64>"}]}'
IMAGE_NAMES = ("b64", "data", "image", "image_bytes", "file")  # of an image in an instance


def speaks(row: Mapping[str, Any], header: Mapping[str, str]) -> bool:
    """Whether a row is JSON: whatever its content type says, by its first bytes; an image is none either way."""
    body = row.get("body", b"")
    if isinstance(body, (dict, list)):  # TorchServe has parsed it
        return True
    data = body.encode() if isinstance(body, str) else body
    return looks_like_json(data) or (is_json(content_type_of(header)) and not looks_like_image(data))


def parse(
    row: Mapping[str, Any], _header: Mapping[str, str], max_images: int, options: Sequence[str]
) -> tuple[list[bytes], dict[str, Any]]:
    """Return the images and the parameters of one row.

    Args:
        row: the request as TorchServe hands it over.
        max_images: most images in one request.
        options: names of parameters.

    Raises:
        RequestError: empty-body, invalid-json, invalid-base64, invalid-parameter, no-image or too-many-images.
    """
    document = _object(row.get("body"))
    return list(_images(document, max_images, options)), _parameters(document, options)


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


def _images(document: dict[str, Any], max_images: int, options: Sequence[str]) -> Iterator[bytes]:
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
        where = f"instance {index}"
        encoded = _text(instance, where, options)
        if not encoded:
            raise RequestError(EMPTY_BODY, f"{where} has no bytes: {EXAMPLE}")
        yield from_base64(encoded, where)


def _text(instance: Any, where: str, options: Sequence[str], *, nested: bool = False) -> str:
    """Return an image in base64 from `"…"`, `{"b64": "…"}`, `{"image": "…"}` or `{"<any name>": {"b64": "…"}}`."""
    if isinstance(instance, dict):
        refuse_lookalikes(instance, f"{where} has it, so {_place(options)}", options)
        found = [value for name, value in instance.items() if name in IMAGE_NAMES or _has_b64(value)]
        found = [value for value in found if value is not None]
        if len(found) > 1:
            raise RequestError(INVALID_JSON, f"{where} has more than one image: send each as an instance of its own")
        if found and isinstance(found[0], dict) and not nested:
            return _text(found[0], where, options, nested=True)
        instance = found[0] if found else None
    if not isinstance(instance, str):
        raise RequestError(INVALID_JSON, f"{where} has no image in base64: {EXAMPLE}")
    return instance


def _has_b64(value: Any) -> bool:
    return isinstance(value, dict) and "b64" in value


def _place(options: Sequence[str]) -> str:
    return f'send {{"instances": […], "parameters": {{"{options[0]}": 3}}}}'


def _parameters(document: dict[str, Any], options: Sequence[str]) -> dict[str, Any]:
    instead = f'beside "instances" it has no effect, so {_place(options)}'
    refuse_lookalikes(document.keys() - {"parameters"}, instead, options)
    parameters = document.get("parameters")
    if parameters is None:
        return {}
    if not isinstance(parameters, dict):
        raise RequestError(INVALID_JSON, f'"parameters" is no object: {_place(options)}')
    for name in parameters:
        if name not in options:
            raise RequestError(INVALID_PARAMETER, f"there is no parameter {shown(name)}: send {' or '.join(options)}")
    return {name: value for name, value in parameters.items() if value is not None}
