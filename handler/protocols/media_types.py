"""The media types of requests and responses, and what a body's first bytes say."""

import re
from collections.abc import Mapping
from typing import Any

HTML = "text/html"
JSON = "application/json"
TEXT = "text/plain"
PNG = "image/png"
OCTETS = "application/octet-stream"

IMAGE_START = re.compile(
    rb"\xff\xd8\xff|\x89PNG\r\n|RIFF....WEBP|GIF8|BM|II[*+]\0|MM\0[*+]|.{4}ftyp|\0\0\0\x0cjP  |\xff\x4f\xff\x51",
    re.DOTALL,
)
JSON_START = re.compile(rb"(?:\xef\xbb\xbf|\xff\xfe|\xfe\xff)?[\s\0]*[\[{]")  # in UTF-8 or UTF-16


def content_type_of(header: Mapping[str, str]) -> str:
    """Return the media type of a request's body, in lower case and without parameters; empty where none is given."""
    return header.get("content-type", "").partition(";")[0].strip().lower()


def is_json(content_type: str) -> bool:
    """Whether a media type is JSON (RFC 6839 for the suffix)."""
    return content_type == JSON or (content_type.startswith("application/") and content_type.endswith("+json"))


def looks_like_image(body: bytes | bytearray) -> bool:
    """Whether a body begins as an image of a supported format does."""
    return IMAGE_START.match(body) is not None


def looks_like_json(body: bytes | bytearray) -> bool:
    """Whether a body begins as a JSON object or array does; no image begins so."""
    return JSON_START.match(body) is not None


def bytes_of(value: Any) -> bytes:
    """Return the bytes of what TorchServe made a text or a bytearray."""
    return value.encode() if isinstance(value, str) else bytes(value)
