"""A multipart form, read here and not by TorchServe, which responds 500 to those that it cannot parse.

The gateway sends `multipart/form-data` on as FORM, so that TorchServe hands the body over as it came.
"""

import quopri
import re
from collections.abc import Callable, Mapping
from io import BytesIO
from typing import Any

from multipart import MultipartError, MultipartParser, MultipartPart, parse_options_header

from handler.errors import NO_IMAGE, RequestError
from handler.protocols.base64_text import from_base64
from handler.protocols.media_types import bytes_of, content_type_of, looks_like_json
from handler.protocols.rows import fields_of

FORM = "application/x-multipart-form-data"
MULTIPART = "multipart/form-data"
MAX_FIELDS = 32  # a client needs three
FIRST_LINE = re.compile(rb"\s*--([\x20-\x7e]{1,70}?) *\r?\n")  # RFC 2046 for the length
EXAMPLE = "send it as curl -F data=@photo.jpg"

URL_ENCODED = "application/x-www-form-urlencoded"
STRINGS = re.compile(r'"[^"]*"')

Fields = list[tuple[str, bytes]]  # in the order of the form; two may have the same name


def restored(row: Mapping[str, Any], header: Mapping[str, str]) -> Mapping[str, Any]:
    """Return a row with the JSON that it was before TorchServe read it as a form.

    `curl -d` says that JSON is a form, which splits it at each & and the first = behind it, and makes + a space.

    Args:
        row: the request as TorchServe hands it over.
        header: its headers by lower-case name.
    """
    first = next(iter(row), "")
    if content_type_of(header) != URL_ENCODED or not looks_like_json(first[:99].encode(errors="replace")):
        return row
    pairs = ((name, bytes_of(value).decode("utf-8", errors="replace")) for name, value in fields_of(row))
    text = "&".join(f"{name}={value}" if value else name for name, value in pairs)
    return {"body": STRINGS.sub(lambda found: found.group().replace(" ", "+"), text).encode()}


def form_fields(body: bytes, content_type: str) -> Fields:
    """Return the names and values of a form's fields.

    Args:
        body: the form as it was sent.
        content_type: its content type; without a boundary, the body's first line has it.

    Raises:
        RequestError: no-image, for a form that cannot be read; invalid-base64.
    """
    size = len(body) + 1  # larger than any part: nothing goes to the disk
    try:
        parser = MultipartParser(
            BytesIO(body),
            _boundary(body, content_type),
            charset="latin-1",  # of file names, which are not used
            part_limit=MAX_FIELDS,
            spool_limit=size,
            memory_limit=size,
        )
        found = [(part.name, _value(part)) for part in parser]
    except MultipartError as error:
        raise RequestError(NO_IMAGE, f"the form cannot be read ({error.args[0]}): {EXAMPLE}") from error
    if not found:
        raise RequestError(NO_IMAGE, f"the form is empty: {EXAMPLE}")
    return found


def _boundary(body: bytes, content_type: str) -> str:
    _, parameters = parse_options_header(content_type)
    if parameters.get("boundary"):
        return str(parameters["boundary"])
    if first_line := FIRST_LINE.match(body):
        return first_line.group(1).decode("ascii")
    raise RequestError(NO_IMAGE, f"the form's Content-Type has no boundary: {EXAMPLE}, which writes one")


def _value(part: MultipartPart) -> bytes:
    # Not part.headers: Python's own headers may not have control characters, and bytes of UTF-8 look like some.
    encodings = (value for name, value in part.headerlist if name.lower() == "content-transfer-encoding")
    encoding = next(encodings, "binary").strip().lower()
    if encoding not in TRANSFER_ENCODINGS:
        raise RequestError(NO_IMAGE, f"field {part.name[:40]} is in {encoding[:40]}: send its bytes as they are")
    return TRANSFER_ENCODINGS[encoding](part)


def _from_base64(part: MultipartPart) -> bytes:
    return from_base64(part.raw.decode("latin-1"), f"field {part.name[:40]}")


def _as_sent(part: MultipartPart) -> bytes:
    return bytes(part.raw)


# Mail's encodings (RFC 2045), which RFC 7578 took out of forms and some clients still send.
TRANSFER_ENCODINGS: dict[str, Callable[[MultipartPart], bytes]] = {
    "": _as_sent,
    "7bit": _as_sent,
    "8bit": _as_sent,
    "binary": _as_sent,
    "base64": _from_base64,
    "quoted-printable": lambda part: quopri.decodestring(part.raw),
}
