"""PNG: the chunks that make the picture (PNG specification, chapter 11)."""

import struct
import zlib
from collections.abc import Iterator
from typing import Final

SIGNATURE: Final = b"\x89PNG\r\n\x1a\n"
NEEDED: Final = (b"IHDR", b"PLTE", b"IDAT", b"IEND")
ORIENTATION: Final = b"eXIf"


def essential(data: bytes) -> bytes:
    """Return a PNG without the chunks that may be left out: they may be broken, or too large for Pillow."""
    return SIGNATURE + b"".join(_needed_chunks(data))


def _needed_chunks(data: bytes) -> Iterator[bytes]:
    start = len(SIGNATURE)
    while start + 12 <= len(data):
        (length,) = struct.unpack_from(">I", data, start)
        chunk = data[start : start + 12 + length]
        if chunk[4:8] in NEEDED or (chunk[4:8] == ORIENTATION and _is_whole(chunk)):
            yield chunk
        start += 12 + length
    yield data[start:]  # the rest of a cut file: Pillow sees that it is cut


def _is_whole(chunk: bytes) -> bool:
    return struct.pack(">I", zlib.crc32(chunk[4:-4])) == chunk[-4:]
