"""The native protocol: one image as the raw body or in a form, and a list of its classes as the response."""

from collections.abc import Mapping
from typing import Any

from handler.errors import EMPTY_BODY, NO_IMAGE, PHOTO_SENT_AS_FORM, RequestError
from handler.protocols.form import FORM, form_fields
from handler.protocols.media_types import bytes_of, content_type_of
from handler.protocols.predictions import Predictions

IMAGE_FIELDS = ("data", "image", "file")


def speaks(_row: Mapping[str, Any], _header: Mapping[str, str]) -> bool:
    """Whether a row is in this protocol: every row that no other protocol speaks."""
    return True


def parse(row: Mapping[str, Any], header: Mapping[str, str], _max_images: int) -> tuple[list[bytes], dict[str, Any]]:
    """Return the image and the parameters of one row.

    Args:
        row: the request as TorchServe hands it over.
        header: its headers by lower-case name.

    Raises:
        RequestError: empty-body, no-image or photo-sent-as-form.
    """
    content_type = content_type_of(header)
    if content_type == FORM:
        row = form_fields(bytes_of(row.get("body", b"")), header["content-type"])
    elif (body := row.get("body")) is not None:
        return [bytes_of(body)], {}
    parameters = {
        name: bytes_of(row[name]).decode("utf-8", errors="replace") for name in ("top_k", "threshold") if name in row
    }
    return [_form_image(row, content_type)], parameters


def to_document(predictions: list[Predictions]) -> object:
    """Return the one image's classes, as a Hugging Face pipeline does."""
    return predictions[0]


def _form_image(row: Mapping[str, Any], content_type: str) -> bytes:
    for name in IMAGE_FIELDS:
        if name in row:
            return bytes_of(row[name])
    if content_type == "application/x-www-form-urlencoded":
        raise RequestError(
            PHOTO_SENT_AS_FORM,
            "the body was sent as a form, as curl's --data-binary does by itself, and its bytes are lost: "
            "send the image with curl -T photo.jpg, or add -H 'Content-Type: image/jpeg' "
            "(JSON: -H 'Content-Type: application/json')",
        )
    if not row and content_type.startswith("multipart/"):
        raise RequestError(
            NO_IMAGE, "the form is empty, cut off or its boundary is wrong: send it as curl -F data=@photo.jpg"
        )
    if not row:
        raise RequestError(EMPTY_BODY, "the request has no body: send an image file, such as curl -T photo.jpg")
    raise RequestError(
        NO_IMAGE, f"the form has no field named {', '.join(IMAGE_FIELDS)}: send it as curl -F data=@photo.jpg"
    )
