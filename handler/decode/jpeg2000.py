"""JPEG 2000: what Pillow, which leaves out the boxes for channels and palettes, would decode to another picture."""

import struct
from typing import Final

from PIL import Image

from handler.decode.boxes import Box, find_boxes

START_OF_CODESTREAM = b"\xff\x4f\xff\x51"
COLOR_SPACES: Final = (0, 12, 15, 16, 17, 18)  # bi-level, CMYK, sRGB, grey and sYCC of ISO/IEC 15444-1 and -2


def unsupported_jpeg2000(image: Image.Image, data: bytes) -> str | None:
    """Return what is unusual about an opened JPEG 2000 file, or None where it is decoded rightly."""
    if image.mode != "I;16" and _has_wide_samples(data):
        return "a JPEG 2000 file with colours of more than 8 bits"  # Pillow rounds their white up to black
    for kind, is_plain in (
        (b"cdef", _is_plain_definition),
        (b"cmap", _is_plain_mapping),
        (b"pclr", lambda contents: _is_plain_palette(contents, image)),
        (b"colr", _is_known_color_space),
    ):
        for box in find_boxes(data, b"jp2h", kind):
            if not is_plain(_contents(data, box)):
                return f"a JPEG 2000 file with another order or kind of channels ({kind.decode()})"
    return None


def _contents(data: bytes, box: Box) -> bytes:
    return data[box.start : box.end]


def _has_wide_samples(data: bytes) -> bool:
    start = data.find(START_OF_CODESTREAM)
    count = int.from_bytes(data[start + 40 : start + 42], "big")
    return any((precision & 0x7F) + 1 > 8 for precision in data[start + 42 : start + 42 + 3 * count : 3])


def _is_plain_definition(contents: bytes) -> bool:
    """Whether channel 0 is the first colour, and so on; those behind may be alpha or of no kind."""
    for channel, kind, association in struct.iter_unpack(">HHH", contents[2 : 2 + (len(contents) - 2) // 6 * 6]):
        if kind == 0 and association != channel + 1:
            return False
    return True


def _is_plain_mapping(contents: bytes) -> bool:
    """Whether the first component goes through the columns of the palette in their order."""
    mapped = list(struct.iter_unpack(">HBB", contents[: len(contents) // 4 * 4]))
    return mapped == [(0, 1, column) for column in range(len(mapped))]


def _is_plain_palette(contents: bytes, image: Image.Image) -> bool:
    """Whether it has no colour twice, as Pillow counts each once."""
    count, columns = struct.unpack(">HB", contents[:3])
    colors = contents[3 + columns : 3 + columns + count * columns]
    distinct = {colors[place : place + columns] for place in range(0, len(colors), columns or 1)}
    return image.mode in ("P", "PA") and columns in (3, 4) and len(distinct) == count


def _is_known_color_space(contents: bytes) -> bool:
    return contents[:1] != b"\1" or int.from_bytes(contents[3:7], "big") in COLOR_SPACES
