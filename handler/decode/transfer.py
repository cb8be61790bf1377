"""What became of an image on its way: text encodings and conversions of line ends corrupt it."""

from typing import Final

from handler.errors import DAMAGED_IMAGE, UNSUPPORTED_FORMAT, RequestError

# Formats that begin with letters, which a text encoding leaves as they are.
LETTERS: Final = (b"GIF8", b"RIFF", b"BM", b"II*\0", b"MM\0*", b"II\x2b\0", b"MM\0\x2b")
SAMPLE = 4096  # bytes of a file that tell whether it is text
MIN_OTHER = 32  # characters beyond ASCII that are text beyond doubt
MIN_DISTINCT = 64  # different bytes: the pixels of a few colours may be UTF-8 or CR LF by chance, those of a photo not
MIN_LINE_ENDS = 16  # of the first 64 kB, all of them CR LF: a photo has as many LF without a CR
LINES = 65_536
PNG_OF_OTHER_LINES: Final = (b"\x89PNG\n\x1a\n", b"\x89PNG\r\r\n\x1a\r\n")
BASE64: Final = (b"/9j/", b"iVBORw0K", b"R0lGOD", b"UklGR", b"data:image/")


def explain_transfer(data: bytes, *, opened: bool = False) -> RequestError | None:
    """Return an error for an image that was changed on its way, None for any other.

    Args:
        data: the encoded image.
        opened: whether Pillow opens it: then it must be beyond doubt. What changed a JPEG or a PNG comes out later.
    """
    if opened and not (data.startswith(LETTERS) and _is_varied(data[:SAMPLE])):
        return None
    if data.startswith(BASE64):
        return RequestError(
            UNSUPPORTED_FORMAT,
            'the body is base64 text: send the image file\'s own bytes, or JSON {"instances": [{"b64": "…"}]}',
        )
    if _is_text(data[:SAMPLE], certain=opened):
        return RequestError(
            UNSUPPORTED_FORMAT,
            "the image went through a text encoding (such as UTF-8), which replaced its bytes: "
            "read the file in binary mode and send its own bytes",
        )
    if data.startswith(PNG_OF_OTHER_LINES) or has_converted_line_ends(data[:LINES], MIN_LINE_ENDS):
        return converted_line_ends()
    return None


def has_converted_line_ends(data: bytes, enough: int = 1) -> bool:
    """Whether each LF has a CR before it, and there are enough to tell: a whole image has many without."""
    line_ends = data.count(b"\n")
    return line_ends >= enough and line_ends == data.count(b"\r\n")


def converted_line_ends() -> RequestError:
    """Return the error for line ends that were converted."""
    return RequestError(
        DAMAGED_IMAGE,
        "the image's line ends were converted (LF to CRLF, or back), which corrupts it: send the file in binary mode",
    )


def _is_text(sample: bytes, *, certain: bool) -> bool:
    """Whether an image was decoded as text and encoded as UTF-8."""
    if not sample.startswith(LETTERS):  # no JPEG or PNG that is one begins as others do
        return sample.startswith(_AS_TEXT)
    text = _decoded(sample)
    other = sum(character > "\x7f" for character in text)
    return other >= (MIN_OTHER if certain else 1)


def _is_varied(sample: bytes) -> bool:
    return len(set(sample)) >= MIN_DISTINCT


def _decoded(sample: bytes) -> str:
    """Return the beginning of a file as text, an empty one where it is not UTF-8."""
    try:
        return sample.decode()
    except UnicodeDecodeError as error:
        ends_within_character = error.start > len(sample) - 4
        return sample[: error.start].decode() if ends_within_character else ""


def _as_text(signature: bytes) -> tuple[bytes, ...]:
    texts = [signature.decode(encoding, errors="replace") for encoding in ("latin-1", "cp1252", "utf-8")]
    return tuple({text.encode() for text in texts} - {signature})


_AS_TEXT: Final = (*_as_text(b"\xff\xd8\xff"), *_as_text(b"\x89PNG"))
