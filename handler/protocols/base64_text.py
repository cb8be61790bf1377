"""Base64 as clients write it: with line breaks, as a data URL, in the URL-safe alphabet, without padding."""

import binascii
import re
import string
from urllib.parse import unquote_to_bytes

from handler.errors import INVALID_BASE64, RequestError
from handler.protocols.media_types import looks_like_image

WHITESPACE = string.whitespace.encode()
FROM_URL_SAFE = bytes.maketrans(b"-_", b"+/")
SAMPLE = 64  # characters that tell: no image begins with so many of base64's own
EXAMPLE = "send what base64 -w0 photo.jpg prints"
# What clients send by mistake, by its first characters: the cause, and what to send instead.
MISTAKES = (
    (rb"(?i:https?|file|gs|s3|ftp)://", "it is an address, which the server does not fetch", "send the image itself"),
    (rb"b['\"]", "it is how Python prints bytes", "send base64.b64encode(data).decode()"),
    (rb"[\w+/]*=", "more follows its padding", "send each image as an instance of its own"),
    (rb"[\w+/]*%", "it is percent-encoded", EXAMPLE),
    (rb"[\w+/]*\Z", "it is cut off, or its + became spaces", EXAMPLE),
)


def from_base64(text: str, where: str) -> bytes:
    """Return the bytes that a text stands for.

    Args:
        text: standard or URL-safe base64, padded or not, or a data URL (RFC 2397) with it.
        where: what the text is, for the error, such as `instance 3`.

    Raises:
        RequestError: invalid-base64, with the cause.
    """
    try:
        payload = _payload(text.encode("ascii"), where)
    except UnicodeEncodeError as error:
        raise _invalid(where, f"{text[error.start]!r} is none of its characters", EXAMPLE) from error
    digits = payload.translate(FROM_URL_SAFE, delete=WHITESPACE).rstrip(b"=")
    try:
        return binascii.a2b_base64(digits + b"=" * (-len(digits) % 4), strict_mode=True)
    except binascii.Error as error:
        causes = (row[1:] for row in MISTAKES if re.match(row[0], digits))
        cause, instead = next(causes, ("other characters are among its own", EXAMPLE))
        raise _invalid(where, cause, instead) from error


def is_image_in_base64(value: bytes) -> bool:
    """Whether a text begins as an image in base64 does."""
    begins = value[:SAMPLE].translate(FROM_URL_SAFE, delete=WHITESPACE)
    try:
        return looks_like_image(binascii.a2b_base64(begins[: len(begins) // 4 * 4], strict_mode=True))
    except binascii.Error:
        return False


def _payload(encoded: bytes, where: str) -> bytes:
    """Return what follows the comma of a data URL, or the text itself."""
    if encoded[:5].lower() != b"data:":
        return encoded
    head, _, payload = encoded.partition(b",")
    if not head.lower().endswith(b";base64"):
        raise _invalid(where, "its data URL has no ;base64, in front", "send data:image/jpeg;base64,<the image>")
    return unquote_to_bytes(payload)


def _invalid(where: str, cause: str, instead: str) -> RequestError:
    return RequestError(INVALID_BASE64, f"{where} is not base64 ({cause}): {instead}")
