"""`Content-Encoding`: bodies that a client compressed (RFC 9110, section 8.4)."""

import gzip
import zlib
from collections.abc import Callable, Mapping
from io import BytesIO
from typing import Any

from handler.errors import BODY_TOO_LARGE, UNSUPPORTED_CONTENT_ENCODING, RequestError
from handler.protocols.form import FORM, MULTIPART
from handler.protocols.media_types import bytes_of, content_type_of, looks_like_image, looks_like_json

MAX_BYTES = 20_971_520  # of a body once decompressed: max_request_size in config.properties


def decompressed(row: Mapping[str, Any], header: Mapping[str, str]) -> Mapping[str, Any]:
    """Return a row with its body as it was before the client compressed it.

    A body that is an image, JSON or a form as it stands is left alone: then only the header is wrong. A form must be
    so, because TorchServe reads it before the handler.

    Args:
        row: the request as TorchServe hands it over.
        header: its headers by lower-case name.

    Raises:
        RequestError: unsupported-content-encoding or body-too-large.
    """
    coding = header.get("content-encoding", "identity").strip().lower()
    if coding in ("", "identity"):
        return row
    if isinstance(row.get("body"), (dict, list)):  # TorchServe has parsed it
        return row
    body = bytes_of(row.get("body", b""))
    if looks_like_image(body) or looks_like_json(body) or body.startswith(b"--"):
        return row
    if not row or content_type_of(header) in (FORM, MULTIPART):
        raise _unsupported("a compressed form cannot be read: send it without Content-Encoding")
    if not body:
        return row
    if coding not in CODINGS:
        raise _unsupported(f"the body is in {coding[:40]}: send it as it is, or in gzip or deflate")
    try:
        data = CODINGS[coding](body)
    except (OSError, EOFError, zlib.error) as error:
        raise _unsupported(f"the body is not in {coding}, or is cut off: send it without Content-Encoding") from error
    if len(data) > MAX_BYTES:
        raise RequestError(BODY_TOO_LARGE, f"once decompressed it has over {MAX_BYTES >> 20} MiB: send a smaller image")
    return {**row, "body": data}


def _gzip(body: bytes) -> bytes:
    with gzip.GzipFile(fileobj=BytesIO(body)) as file:
        return file.read(MAX_BYTES + 1)


def _deflate(body: bytes) -> bytes:
    try:
        return _inflate(body, zlib.MAX_WBITS)
    except zlib.error:
        return _inflate(body, -zlib.MAX_WBITS)  # without zlib's header, as some clients send it


def _inflate(body: bytes, wbits: int) -> bytes:
    stream = zlib.decompressobj(wbits)
    data = stream.decompress(body, MAX_BYTES + 1)
    if not stream.eof and len(data) <= MAX_BYTES:
        raise EOFError
    return data


def _unsupported(detail: str) -> RequestError:
    return RequestError(UNSUPPORTED_CONTENT_ENCODING, detail)


CODINGS: dict[str, Callable[[bytes], bytes]] = {"gzip": _gzip, "x-gzip": _gzip, "deflate": _deflate}
