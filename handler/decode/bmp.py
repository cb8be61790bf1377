"""BMP: what Pillow does not open, or takes for another layout."""

from typing import Final

from PIL import Image

CORE_HEADER = 12  # bytes of OS/2's header; all others begin as Windows's of 40 bytes does
BITFIELDS = 3
CONTENTS: Final = {4: "a JPEG inside", 5: "a PNG inside"}


def unsupported_bmp(image: Image.Image, data: bytes) -> str | None:
    """Return what an opened BMP is where it is not decoded rightly, or None.

    Pillow takes a palette of black and white for pixels of one bit, and one of a few greys for pixels of eight.
    """
    bits, _ = _bits_and_compression(data)
    if bits == {"1": 1, "L": 8}.get(image.mode, bits):
        return None
    return f"a BMP of {bits} bits a pixel with a palette of few greys"


def unopened_bmp(data: bytes) -> str | None:
    """Return what a BMP that Pillow does not open is, or None where its header is cut off or broken."""
    if len(data) < 54:
        return None
    bits, compression = _bits_and_compression(data)
    if compression == BITFIELDS:
        return "a BMP with an unusual order of its colours' bits"
    if compression in CONTENTS:
        return f"a BMP with {CONTENTS[compression]}"
    if compression > BITFIELDS or bits not in (1, 4, 8, 16, 24, 32):
        return f"a BMP of {bits} bits a pixel and compression {compression}"
    return None


def _bits_and_compression(data: bytes) -> tuple[int, int]:
    if data[14] == CORE_HEADER:
        return int.from_bytes(data[24:26], "little"), 0
    return int.from_bytes(data[28:30], "little"), int.from_bytes(data[30:34], "little")
