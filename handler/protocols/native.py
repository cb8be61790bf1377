"""The native protocol: one image as the raw body or in a form, and a list of its classes as the response."""

from collections.abc import Mapping, Sequence
from typing import Any

from handler.errors import EMPTY_BODY, NO_IMAGE, PHOTO_SENT_AS_FORM, SEVERAL_IMAGES, RequestError
from handler.protocols.base64_text import from_base64, is_image_in_base64
from handler.protocols.form import FORM, MULTIPART, URL_ENCODED, Fields, form_fields
from handler.protocols.media_types import bytes_of, content_type_of, looks_like_image
from handler.protocols.parameters import refuse_lookalikes
from handler.protocols.predictions import Predictions
from handler.protocols.rows import fields_of

IMAGE_FIELDS = ("data", "image", "file")


def speaks(_row: Mapping[str, Any], _header: Mapping[str, str]) -> bool:
    """Whether a row is in this protocol: every row that no other protocol speaks."""
    return True


def parse(
    row: Mapping[str, Any], header: Mapping[str, str], _max_images: int, options: Sequence[str]
) -> tuple[list[bytes], dict[str, Any]]:
    """Return the image and the parameters of one row.

    Args:
        row: the request as TorchServe hands it over.
        header: its headers by lower-case name.
        options: names of parameters.

    Raises:
        RequestError: empty-body, no-image, several-images, photo-sent-as-form, invalid-base64 or invalid-parameter.
    """
    content_type = content_type_of(header)
    body = row.get("body")
    if body is None or (content_type == MULTIPART and len(row) > 1):  # TorchServe has read the form
        fields = [(name, bytes_of(value)) for name, value in fields_of(row)]
    elif content_type in (FORM, MULTIPART):
        fields = form_fields(bytes_of(body), header["content-type"])
    else:
        return [_image(bytes_of(body))], {}
    image = _form_image(fields, content_type)
    others = (name for name, _ in fields if name not in options)
    refuse_lookalikes(others, f"send the field{'s' * (len(options) > 1)} {' and '.join(options)}", options)
    parameters = {name: value.decode("utf-8", errors="replace") for name, value in fields if name in options}
    return [image], parameters


def to_document(predictions: list[Predictions]) -> object:
    """Return the one image's classes, as a Hugging Face pipeline does."""
    return predictions[0]


def _image(data: bytes) -> bytes:
    """Return an image's bytes; a browser's canvas makes a data URL of them."""
    return from_base64(data.decode("latin-1"), "the body") if data[:5].lower() == b"data:" else data


def _field(value: bytes) -> bytes:
    """Return the bytes of a form's image.

    TorchServe's frontend hands over a part in base64 (without a file name) as it was sent, without the header that
    says so.
    """
    return from_base64(value.decode("latin-1"), "the image") if is_image_in_base64(value) else _image(value)


def _form_image(fields: Fields, content_type: str) -> bytes:
    found = [(name, value) for name, value in fields if name in IMAGE_FIELDS or looks_like_image(value)]
    images = [(name, value) for name, value in found if value]  # a page's file input that was left empty is one field
    if len(images) > 1:
        names = ", ".join(name[:40] for name, _ in images)
        raise RequestError(
            SEVERAL_IMAGES,
            f"the form has {len(images)} images ({names}): send one in a form, or several as JSON "
            '{"instances": [{"b64": "<the image in base64>"}, …]}',
        )
    for name, value in images or found:
        if name in IMAGE_FIELDS:
            return _field(value)
    if content_type == URL_ENCODED:
        raise RequestError(
            PHOTO_SENT_AS_FORM,
            "the body was sent as a form, as curl's --data-binary does by itself, and its bytes are lost: "
            "send the image with curl -T photo.jpg, or add -H 'Content-Type: image/jpeg' "
            "(JSON: -H 'Content-Type: application/json')",
        )
    if not fields and content_type.startswith("multipart/"):
        raise RequestError(
            NO_IMAGE, "the form is empty, cut off or its boundary is wrong: send it as curl -F data=@photo.jpg"
        )
    if not fields:
        raise RequestError(EMPTY_BODY, "the request has no body: send an image file, such as curl -T photo.jpg")
    raise RequestError(
        NO_IMAGE, f"the form has no field named {', '.join(IMAGE_FIELDS)}: send it as curl -F data=@photo.jpg"
    )
