"""JPEGs that libjpeg warns of: the harmless ones decode, the corrupt ones are refused.

libjpeg goes on after a warning, and what it decodes behind a corrupt place is another picture. It tells of its first
warning only, so what may hide another one is mended first: stray bytes in the header, a missing end.
"""

import logging
import re
from dataclasses import replace
from typing import Final

from torch import Tensor

from handler.decode.fallback import JpegError
from handler.decode.jpeg import Jpeg, decode_jpeg
from handler.decode.markers import EOI, mended, segments, unsupported_kind
from handler.decode.transfer import converted_line_ends, has_converted_line_ends
from handler.errors import DAMAGED_IMAGE, UNSUPPORTED_FORMAT, RequestError

logger = logging.getLogger(__name__)

# Warnings (jerror.h) that are no damage: an odd JFIF version, colour transform, ICC marker or scan header, and
# coefficients that are sent twice. All others, and all errors, tell of lost pixels.
HARMLESS: Final = re.compile(
    "unknown JFIF revision|Unknown Adobe color transform|bad ICC marker|Invalid SOS parameters for sequential|"
    "Inconsistent progression"
)
# What simplejpeg cannot do, and Pillow may.
BEYOND_SIMPLEJPEG: Final = re.compile(r"Could not|tj3|Unsupported color conversion")
# Bytes left over where a scan ends: few, or all the same, are what cameras and editors write there. A corrupt scan
# leaves its own rest, and the part of it before a restart marker is always corrupt.
LEFT_OVER: Final = re.compile(r"(\d+) extraneous bytes before marker 0x(..)")
MAX_STRAY = 64  # bytes; after 1,000 bytes lost within a scan, 500 to 26,000 were left over on 75 photos
RESTARTS: Final = frozenset(f"d{number}" for number in range(8))


def decode_doubtful(jpeg: Jpeg) -> Tensor:
    """Return the pixels of a JPEG that `decode_jpeg` refused.

    Raises:
        RequestError: damaged-image or unsupported-format.
        JpegError: only Pillow may decode it.
    """
    if kind := unsupported_kind(jpeg.data):
        raise RequestError(UNSUPPORTED_FORMAT, f"{kind} is not supported: save it as a plain JPEG of 8 bits, or as PNG")
    data = mended(jpeg.data)
    if data is None:
        raise RequestError(DAMAGED_IMAGE, "the JPEG image is cut off or broken: send the whole file again")
    repaired = replace(jpeg, data=data)
    try:
        return decode_jpeg(repaired)
    except JpegError as error:
        complaint = str(error)
        if BEYOND_SIMPLEJPEG.match(complaint):
            raise
    logger.info("a JPEG that libjpeg warns of: %s", complaint)
    if has_converted_line_ends(data):
        raise converted_line_ends()
    if _is_corrupt(complaint, data):
        raise RequestError(
            DAMAGED_IMAGE,
            f"the JPEG image is cut off or corrupt ({complaint.removeprefix('Corrupt JPEG data: ')}): "
            "send the whole file again, unchanged",
        )
    return decode_jpeg(repaired, strict=False)


def _is_corrupt(complaint: str, data: bytes) -> bool:
    if left_over := LEFT_OVER.search(complaint):
        count, marker = int(left_over[1]), left_over[2]
        return marker in RESTARTS or (count > MAX_STRAY and not (marker == "d9" and _is_padded(data, count)))
    return not HARMLESS.search(complaint)


def _is_padded(data: bytes, count: int) -> bool:
    """Whether so many bytes before the end marker are all the same."""
    end = next(segment.start for segment in segments(data) if segment.marker == EOI)
    return len(set(data[end - count : end])) == 1
