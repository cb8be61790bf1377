"""HEIC and AVIF: pictures in HEIF's boxes (ISO/IEC 23008-12), coded as HEVC or AV1."""

import struct
from fractions import Fraction
from typing import Final

from handler.decode.boxes import boxes, find_boxes

HEVC_BRANDS: Final = frozenset({b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs"})
CONTAINER_BRANDS: Final = frozenset({b"mif1", b"mif2", b"msf1", b"miaf"})
AV1_BRANDS: Final = frozenset({b"avif", b"avis"})


def brands(data: bytes) -> frozenset[bytes]:
    """Return the major and the compatible brands of a file of boxes, none for any other file."""
    first = next(boxes(data[:16384]), None)
    if data[4:8] != b"ftyp" or first is None:
        return frozenset()
    compatible = (data[place : place + 4] for place in range(first.start + 8, first.end - 3, 4))
    return frozenset({data[first.start : first.start + 4], *compatible})


def is_heic(data: bytes) -> bool:
    """Whether a file is HEIC, or another picture in HEIF's boxes that is no AVIF."""
    found = brands(data)
    return bool(found & HEVC_BRANDS or (found & CONTAINER_BRANDS and not found & AV1_BRANDS))


def is_cropped(data: bytes) -> bool:
    """Whether an AVIF has a clean aperture (`clap`) that is not the whole picture; libavif leaves it to its caller."""
    properties = (b"meta", b"iprp", b"ipco")
    sizes = {
        struct.unpack(">II", data[box.start + 4 : box.start + 12]) for box in find_boxes(data, *properties, b"ispe")
    }
    for box in find_boxes(data, *properties, b"clap"):
        width, width_by, height, height_by, *_ = struct.unpack(">8I", data[box.start : box.start + 32])
        if not width_by or not height_by:
            return True
        if (Fraction(width, width_by), Fraction(height, height_by)) not in sizes:
            return True
    return False
