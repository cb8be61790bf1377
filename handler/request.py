"""From a TorchServe row to images and options.

A row is what TorchServe makes of one HTTP request: the raw body under `body`, or the fields of a form by name. A form
from the gateway comes as a body too, and is read in `form`.
"""

import base64
import binascii
import json
import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from handler.errors import (
    EMPTY_BODY,
    INVALID_BASE64,
    INVALID_JSON,
    INVALID_PARAMETER,
    NO_IMAGE,
    NOT_ACCEPTABLE,
    PHOTO_SENT_AS_FORM,
    TOO_MANY_IMAGES,
    RequestError,
)
from handler.form import FORM, fields

JSON = "application/json"
TEXT = "text/plain"
OFFERED = (JSON, TEXT)  # in the server's order of preference
IMAGE_FIELDS = ("data", "image", "file")
DEFAULT_TOP_K = 5
JSON_SHAPE = 'send {"instances": [{"b64": "<the image in base64>"}]}'


@dataclass(frozen=True)
class Request:
    """One client's request, understood but not yet decoded.

    Args:
        images: the encoded images in the order sent; at least one.
        top_k: how many classes to answer, 1 to the number of classes.
        threshold: least score of an answered class, 0 to 1.
        media_type: `application/json` or `text/plain`.
        instances: whether it spoke the KServe V1 protocol, and is answered in it.
    """

    images: list[bytes]
    top_k: int
    threshold: float
    media_type: str
    instances: bool


def parse(row: Mapping[str, Any], headers: Mapping[str, Any], classes: int, max_images: int) -> Request:
    """Read one row.

    Args:
        row: the request as TorchServe hands it over.
        headers: its headers, in any case; TorchServe mixes the form fields' own headers (dicts) into them.
        classes: number of the model's classes, the largest `top_k`.
        max_images: most images in one request.

    Raises:
        RequestError: every 400 and 406 of the table, and too-many-images.
    """
    header = {name.lower(): value for name, value in headers.items() if isinstance(value, str)}
    media_type = negotiate(header.get("accept", "*/*"))
    options: dict[str, Any] = {"top_k": header.get("x-top-k"), "threshold": header.get("x-threshold")}
    content_type = header.get("content-type", "").partition(";")[0].strip().lower()
    if content_type == FORM:
        row = fields(_bytes(row.get("body", b"")), header["content-type"])
    body = row.get("body")
    if is_json := isinstance(body, (dict, list)) or _is_json(content_type):
        document = _json(body)
        images = list(_instances(document, max_images))
        options.update(_parameters(document))
    elif body is not None:
        images = [_bytes(body)]
    else:
        images = [_form_image(row, content_type)]
        options.update({name: _text(row[name]) for name in options if name in row})
    if not all(images):
        raise RequestError(EMPTY_BODY, "the image has no bytes: send a photo, such as curl -T photo.jpg")
    return Request(
        images=images,
        top_k=_top_k(options["top_k"], classes),
        threshold=_threshold(options["threshold"]),
        media_type=media_type,
        instances=is_json,
    )


def negotiate(accept: str) -> str:
    """Return the offered media type that an `Accept` header likes best (RFC 9110, section 12.5.1).

    Raises:
        RequestError: nothing offered is acceptable.
    """
    ranges = [_media_range(part) for part in accept.split(",") if part.strip()] or [("*/*", 1.0)]

    def quality(offer: str) -> float:
        for pattern in (offer, offer.split("/", maxsplit=1)[0] + "/*", "*/*"):  # the most specific range decides
            for media_range, q in ranges:
                if media_range == pattern:
                    return q
        return 0.0

    best = max(OFFERED, key=quality)
    if quality(best) <= 0:
        raise RequestError(NOT_ACCEPTABLE, f"answers come as {' or '.join(OFFERED)}: ask for one of them in Accept")
    return best


def _media_range(part: str) -> tuple[str, float]:
    media_range, *parameters = (piece.strip().lower() for piece in part.split(";"))
    quality = next((value[2:] for value in parameters if value.startswith("q=")), "1")
    try:
        return media_range, float(quality)
    except ValueError:
        return media_range, 0.0


def _is_json(content_type: str) -> bool:
    return content_type == JSON or (content_type.startswith("application/") and content_type.endswith("+json"))


def _json(body: Any) -> dict[str, Any]:
    if body is None or body in (b"", ""):
        raise RequestError(EMPTY_BODY, f"the JSON body is empty: {JSON_SHAPE}")
    if isinstance(body, (bytes, bytearray, str)):
        try:
            body = json.loads(body)
        except (ValueError, RecursionError) as error:
            raise RequestError(INVALID_JSON, f"the body is not JSON ({error}): {JSON_SHAPE}") from error
    if not isinstance(body, dict):
        raise RequestError(INVALID_JSON, f"the body is no JSON object: {JSON_SHAPE}")
    return body


def _instances(document: dict[str, Any], max_images: int) -> Iterator[bytes]:
    instances = document.get("instances")
    if not isinstance(instances, list):
        raise RequestError(INVALID_JSON, f'"instances" is missing or no list: {JSON_SHAPE}')
    if not instances:
        raise RequestError(NO_IMAGE, f'"instances" is empty: {JSON_SHAPE}')
    if len(instances) > max_images:
        raise RequestError(
            TOO_MANY_IMAGES, f"{len(instances)} images in one request: send at most {max_images} at a time"
        )
    for index, instance in enumerate(instances):
        encoded = instance.get("b64") if isinstance(instance, dict) else None
        if not isinstance(encoded, str):
            raise RequestError(INVALID_JSON, f'instance {index} has no text in "b64": {JSON_SHAPE}')
        if not encoded:
            raise RequestError(EMPTY_BODY, f"instance {index} has no bytes: {JSON_SHAPE}")
        try:
            # The base64 command breaks its lines; nothing else that is not base64 is let through.
            yield base64.b64decode("".join(encoded.split()), validate=True)
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
            raise RequestError(INVALID_PARAMETER, f"there is no parameter {_shown(name)}: send top_k or threshold")
    return {name: value for name, value in parameters.items() if value is not None}


def _form_image(row: Mapping[str, Any], content_type: str) -> bytes:
    for name in IMAGE_FIELDS:
        if name in row:
            return _bytes(row[name])
    if content_type == "application/x-www-form-urlencoded":
        raise RequestError(
            PHOTO_SENT_AS_FORM,
            "the body was sent as a form, as curl's --data-binary does by itself, and its bytes are lost: "
            "send the photo with curl -T photo.jpg, or add -H 'Content-Type: image/jpeg' "
            "(JSON: -H 'Content-Type: application/json')",
        )
    if not row and content_type.startswith("multipart/"):
        raise RequestError(
            NO_IMAGE, "the form is empty, cut off or its boundary is wrong: send it as curl -F data=@photo.jpg"
        )
    if not row:
        raise RequestError(EMPTY_BODY, "the request has no body: send a photo, such as curl -T photo.jpg")
    raise RequestError(
        NO_IMAGE, f"the form has no field named {', '.join(IMAGE_FIELDS)}: send it as curl -F data=@photo.jpg"
    )


def _bytes(value: Any) -> bytes:
    return value.encode() if isinstance(value, str) else bytes(value)


def _text(value: Any) -> str:
    return _bytes(value).decode("utf-8", errors="replace")


def _top_k(value: Any, classes: int) -> int:
    if value is None:
        return min(DEFAULT_TOP_K, classes)
    top_k = int(value) if isinstance(value, str) and re.fullmatch(r"[0-9]{1,9}", value.strip()) else value
    if type(top_k) is not int or not 1 <= top_k <= classes:
        raise RequestError(INVALID_PARAMETER, f"top_k is {_shown(value)}: send a whole number from 1 to {classes}")
    return top_k


def _threshold(value: Any) -> float:
    if value is None:
        return 0.0
    try:
        # float() would read "1_0" and true too.
        threshold = math.nan if isinstance(value, bool) or "_" in str(value) else float(value)
    except (TypeError, ValueError, OverflowError):
        threshold = math.nan
    if not 0 <= threshold <= 1:  # also false for NaN
        raise RequestError(INVALID_PARAMETER, f"threshold is {_shown(value)}: send a number from 0 to 1")
    return threshold


def _shown(value: Any) -> str:
    """Show a client's own value back, cut to what fits in a sentence."""
    if isinstance(value, (dict, list)):
        return "a JSON object" if isinstance(value, dict) else "a JSON array"
    text = str(value) or "empty"
    return f"{text[:40]}…" if len(text) > 40 else text
