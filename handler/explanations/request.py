"""What a client sends to have a prediction explained: images as for a prediction, and a class."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

from handler.errors import EMPTY_BODY, INVALID_JSON, INVALID_PARAMETER, SEVERAL_IMAGES, RequestError
from handler.protocols import kserve_v1, open_inference
from handler.protocols.accept import negotiate
from handler.protocols.media_types import JSON, PNG
from handler.protocols.parameters import shown
from handler.protocols.request import header_of, protocol_of, restored_row

OFFERED = (JSON, PNG)
OPTIONS = ("class",)


@dataclass(frozen=True)
class ExplainRequest:
    """One client's request, understood but not yet decoded.

    Args:
        images: the encoded images in the order sent; at least one.
        class_id: what to explain; None for each image's top-1 class.
        media_type: of the response, `application/json` or `image/png`.
        is_list: whether the response is a list, as the request's instances are.
    """

    images: list[bytes]
    class_id: int | None
    media_type: str
    is_list: bool

    @property
    def groups(self) -> list[list[bytes]]:
        """The images that are decoded or refused together: all of them."""
        return [self.images]

    def error(self, failures: Mapping[int, RequestError]) -> RequestError:
        """Return what is wrong with the request: an image that could not be decoded fails it as a whole."""
        return failures[0]


def parse_explain_request(
    row: Mapping[str, Any], headers: Mapping[str, Any], labels: tuple[str, ...], max_images: int
) -> ExplainRequest:
    """Read one row.

    Args:
        row: the request as TorchServe hands it over.
        headers: its headers, in any case.
        labels: the model's class names in index order.
        max_images: most images in one request.

    Raises:
        RequestError: as `parse_request`.
    """
    header = header_of(headers)
    row = restored_row(row, header)
    if open_inference.speaks(row, header):
        raise RequestError(
            INVALID_JSON, f"explanations are no part of the Open Inference Protocol: {kserve_v1.EXAMPLE}"
        )
    media_type = negotiate(header.get("accept", "*/*"), OFFERED)
    protocol = protocol_of(row, header)
    images, own = protocol.parse(row, header, max_images, OPTIONS)
    if not all(images):
        raise RequestError(EMPTY_BODY, "the image has no bytes: send an image file, such as curl -T photo.jpg")
    if media_type == PNG and len(images) > 1:
        raise RequestError(
            SEVERAL_IMAGES, f"a response in {PNG} is of one image: send one, or ask for {JSON} in Accept"
        )
    named = header.get("x-class")
    value = own.get("class", None if named is None else unquote(named))  # headers, and queries, are ASCII
    return ExplainRequest(images, class_of(value, labels), media_type, protocol is kserve_v1)


def class_of(value: Any, labels: tuple[str, ...]) -> int | None:
    """Return the class that a client names, by index or by name; None where it names none.

    Args:
        value: as the client sent it.
        labels: class names in index order. A name is a label in any case, or one of those that commas separate in it,
            as ImageNet's synonyms.

    Raises:
        RequestError: invalid-parameter.
    """
    if value is None:
        return None
    if isinstance(value, str) and re.fullmatch(r"[0-9]{1,9}", value.strip()):
        value = int(value)
    if type(value) is int:
        if 0 <= value < len(labels):
            return value
        raise RequestError(
            INVALID_PARAMETER, f"class is {shown(value)}: send an index from 0 to {len(labels) - 1}, or a class's name"
        )
    name = value.strip().casefold() if isinstance(value, str) else ""
    whole = [index for index, label in enumerate(labels) if label.strip().casefold() == name]
    found = whole or [
        index for index, label in enumerate(labels) if name in (part.strip() for part in label.casefold().split(","))
    ]
    if not name or not found:
        raise RequestError(
            INVALID_PARAMETER,
            f"class is {shown(value)}, which is none of this model's: send an index from 0 to {len(labels) - 1}, or a "
            'name as in a prediction\'s "label"',
        )
    if len(found) > 1:
        indices = ", ".join(map(str, found[:10]))
        raise RequestError(INVALID_PARAMETER, f"class {shown(value)} is several of this model's: send one of {indices}")
    return found[0]
