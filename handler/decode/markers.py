"""The markers of a JPEG: its segments, and what they say before libjpeg reads them (ITU-T T.81, annex B)."""

import re
from collections import defaultdict
from collections.abc import Iterator
from typing import Final, NamedTuple

START = b"\xff\xd8"
END_OF_IMAGE = b"\xff\xd9"
EOI, SOS, DHP, JPEG_LS = 0xD9, 0xDA, 0xDE, 0xF7
# SOF0 to SOF15; DHT, JPG and DAC lie among them.
FRAMES: Final = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
HIERARCHICAL: Final = (0xC5, 0xC6, 0xC7, 0xCD, 0xCE, 0xCF, DHP)
WITHOUT_PARAMETERS: Final = frozenset({0x01, *range(0xD0, 0xD9)})  # TEM, RST0 to RST7, SOI
METADATA: Final = frozenset({*range(0xE0, 0xF0), 0xFE}) - {0xE1, 0xEE}  # APPn and COM, but for EXIF and Adobe
# The first marker behind compressed pixels: neither an FF among them, which is followed by 00, nor a restart.
BEHIND_PIXELS = re.compile(rb"\xff[^\x00\xff\xd0-\xd7]")
MARKER = re.compile(rb"\xff[^\x00\xff]")


class Segment(NamedTuple):
    """A marker with its parameters, and a scan's compressed pixels.

    Args:
        marker: its second byte.
        start: where its FF is.
        parameters: where its parameters begin, behind their length.
        end: where it ends.
    """

    marker: int
    start: int
    parameters: int
    end: int


def segments(data: bytes) -> Iterator[Segment]:
    """Go over the segments as libjpeg does: up to the end of the image, past stray bytes before a marker."""
    end = len(START)
    while found := MARKER.search(data, end):
        start, marker = found.start(), data[found.start() + 1]
        parameters = end = start + 2
        if marker not in WITHOUT_PARAMETERS and marker != EOI:
            parameters, end = start + 4, start + 2 + max(2, int.from_bytes(data[start + 2 : start + 4], "big"))
        if marker == SOS:
            behind = BEHIND_PIXELS.search(data, end)
            end = behind.start() if behind else len(data)
        yield Segment(marker, start, parameters, min(end, len(data)))
        if marker == EOI:
            return


def count_scans(data: bytes, enough: int) -> int:
    """Return how often a JPEG goes over its picture, counted no further than `enough`.

    Neither a thumbnail within a segment nor what lies behind the end of the image is a scan.
    """
    count = 0
    for segment in segments(data):
        count += segment.marker == SOS
        if count >= enough:
            break
    return count


def unsupported_kind(data: bytes) -> str | None:
    """Return what kind of JPEG this is where libjpeg does not decode it, or None where it does."""
    for marker, _, start, end in segments(data):
        if marker == JPEG_LS:
            return "a JPEG-LS file"
        if marker in HIERARCHICAL:
            return "a hierarchical JPEG"
        if marker in FRAMES and end - start >= 5:
            if data[start] != 8:
                return f"a JPEG of {data[start]} bits a sample"
            return None if any(data[start + 1 : start + 3]) else "a JPEG that has its height behind its pixels (DNL)"
    return None


def mended(data: bytes) -> bytes | None:
    """Return a JPEG without stray bytes between the segments of its header, and with an end marker.

    Returns:
        None where the end is missing and with it a part of the picture.
    """
    kept = [START]
    for segment in segments(data):
        if segment.marker == SOS:
            kept.append(data[segment.start :])
            break
        kept.append(data[segment.start : segment.end])
    if not any(segment.marker == EOI for segment in segments(data)):
        if not _has_all_scans(data):
            return None
        kept.append(END_OF_IMAGE)
    return b"".join(kept)


def without_metadata(data: bytes) -> bytes:
    """Return a JPEG without comments and without the application segments but EXIF's and Adobe's."""
    kept = [START]
    for segment in segments(data):
        if segment.marker == SOS:
            return b"".join([*kept, data[segment.start :]])
        if segment.marker not in METADATA:
            kept.append(data[segment.start : segment.end])
    return b"".join(kept)


def _has_all_scans(data: bytes) -> bool:
    """Whether the scans hold each coefficient of each component down to its last bit."""
    missing: dict[int, set[int]] = defaultdict(set)
    for marker, _, start, end in segments(data):
        if marker in FRAMES:
            missing |= {component: set(range(64)) for component in data[start + 6 : end : 3]}
        elif marker == SOS:
            count = data[start] if start < len(data) else 0
            components = data[start + 1 : start + 1 + 2 * count : 2]
            first, last, bits = (*data[start + 1 + 2 * count : start + 4 + 2 * count], 0, 0, 0xFF)[:3]
            if not bits & 15:
                for component in components:
                    missing[component] -= set(range(first, last + 1))
    return not any(missing.values())
