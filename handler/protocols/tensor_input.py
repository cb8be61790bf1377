"""The images in a request's tensor: its name, datatype and shape are checked, then each element for itself."""

import math
from collections.abc import Iterator
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
from handler.protocols.members import check_names, parameters_of
from handler.protocols.model_tensors import INPUT
from handler.protocols.parameters import shown
from handler.protocols.tensors import HEADER_LENGTH, LENGTH

EXAMPLE = (
    'send {"inputs": [{"name": "image", "datatype": "BYTES", "shape": [1], "data": ["<the image in base64>"]}]}, '
    "or the tensor as binary data"
)
MEMBERS = ("name", "shape", "datatype", "parameters", "data")
MAX_RANK = 2


def input_of(document: dict[str, Any]) -> dict[str, Any]:
    """Return the request's one tensor."""
    inputs = document.get("inputs")
    if not isinstance(inputs, list) or not all(isinstance(each, dict) for each in inputs):
        raise RequestError(INVALID_JSON, f'"inputs" is no list of tensors: {EXAMPLE}')
    names = [each.get("name") for each in inputs]
    if names != [INPUT.name]:
        found = ", ".join(map(shown, names[:4])) or "none"
        raise RequestError(
            INVALID_JSON, f"the model has one input, {INPUT.name}, and the request's are {found}: {EXAMPLE}"
        )
    tensor: dict[str, Any] = inputs[0]
    check_names("member of a tensor", tensor, MEMBERS, EXAMPLE)
    if tensor.get("datatype") != INPUT.datatype:
        raise RequestError(
            INVALID_JSON,
            f"the datatype of {INPUT.name} is {shown(tensor.get('datatype'))}: send {INPUT.datatype}, whose elements "
            "are image files as they are, not their pixels",
        )
    return tensor


def images_of(tensor: dict[str, Any], tail: bytes, max_images: int) -> Iterator[bytes | RequestError]:
    """Return the bytes of each image, or why there are none."""
    parameters = parameters_of(tensor)
    if any(name.startswith("shared_memory") for name in parameters):
        raise RequestError(INVALID_PARAMETER, "this server reads no shared memory: send the tensor's data")
    check_names(
        "parameter of a tensor",
        parameters,
        ("binary_data_size", "content_type"),
        'send top_k and threshold in the request\'s own "parameters"',
    )
    count = _count(tensor.get("shape"), max_images)
    size, data = parameters.get("binary_data_size", 0), tensor.get("data")
    if type(size) is not int or size != len(tail):
        raise RequestError(
            INVALID_JSON,
            f"{len(tail)} bytes follow the JSON, and binary_data_size is {shown(size)}: send both the same, "
            f"and {HEADER_LENGTH} with the length of the JSON",
        )
    if tail and data is not None:
        raise RequestError(INVALID_JSON, f'{INPUT.name} has both "data" and binary data: send one of them')
    elements: list[Any] = _elements_of(tail) if tail else list(_flat(data))
    if len(elements) != count:
        raise RequestError(
            INVALID_JSON,
            f"the shape of {INPUT.name} is of {count} images, and its data has {len(elements)} elements: {EXAMPLE}",
        )
    for element in elements:
        try:
            yield _image(element)
        except RequestError as error:
            yield error


def _count(shape: Any, max_images: int) -> int:
    """Return how many images a shape is of."""
    if not (
        isinstance(shape, list)
        and all(type(side) is int and side >= 0 for side in shape)
        and 1 <= len(shape) <= MAX_RANK
        and shape[1:] in ([], [1])
    ):
        raise RequestError(
            INVALID_JSON, f"the shape of {INPUT.name} is {_written(shape)}: send [n] or [n, 1] for n images"
        )
    count = math.prod(shape)
    if not count:
        raise RequestError(NO_IMAGE, f"{INPUT.name} has no element: {EXAMPLE}")
    if count > max_images:
        raise RequestError(
            TOO_MANY_IMAGES, f"{shown(count)} images in one request: send at most {max_images} at a time"
        )
    return count


def _written(shape: Any) -> str:
    """Return a shape as a client sees it."""
    is_flat = isinstance(shape, list) and not any(isinstance(side, (list, dict)) for side in shape)
    return shown(str(shape)) if is_flat else shown(shape)


def _flat(data: Any) -> Iterator[Any]:
    """Return the elements of a tensor's JSON, which a client may write as rows."""
    if data is None:
        raise RequestError(INVALID_JSON, f'{INPUT.name} has no "data": {EXAMPLE}')
    for row in data if isinstance(data, list) else [data]:
        yield from row if isinstance(row, list) else [row]


def _image(element: Any) -> bytes:
    if isinstance(element, str):
        element = from_base64(element, "the image")
    if not isinstance(element, bytes):
        raise RequestError(INVALID_JSON, f"the image is {shown(element)}: send the image file in base64, as a text")
    if not element:
        raise RequestError(EMPTY_BODY, "the image has no bytes: send an image file")
    return element


def _elements_of(data: bytes) -> list[bytes]:
    """Return the elements of a binary BYTES tensor.

    Raises:
        RequestError: invalid-json, where a length leads beyond the end.
    """
    found: list[bytes] = []
    start = 0
    while start < len(data):
        end = start + LENGTH.size
        if end <= len(data):
            (size,) = LENGTH.unpack_from(data, start)
            end += size
        if end > len(data):
            raise RequestError(
                INVALID_JSON,
                f"element {len(found)} of the binary tensor ends beyond the tensor's bytes: send each image after its "
                "length as four bytes, little-endian",
            )
        found.append(data[start + LENGTH.size : end])
        start = end
    return found
