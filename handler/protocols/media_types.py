"""The media types of requests and responses."""

from collections.abc import Mapping
from typing import Any

JSON = "application/json"
TEXT = "text/plain"


def content_type_of(header: Mapping[str, str]) -> str:
    """Return the media type of a request's body, in lower case and without parameters; empty where none is given."""
    return header.get("content-type", "").partition(";")[0].strip().lower()


def is_json(content_type: str) -> bool:
    """Whether a media type is JSON (RFC 6839 for the suffix)."""
    return content_type == JSON or (content_type.startswith("application/") and content_type.endswith("+json"))


def bytes_of(value: Any) -> bytes:
    """Return the bytes of what TorchServe made a text or a bytearray."""
    return value.encode() if isinstance(value, str) else bytes(value)
