"""Boxes, which HEIF, AVIF and JPEG 2000 files consist of (ISO/IEC 14496-12, 4.2)."""

from collections.abc import Iterator
from typing import NamedTuple


class Box(NamedTuple):
    """A box: its type, and where its contents start and end."""

    kind: bytes
    start: int
    end: int


def boxes(data: bytes, start: int = 0, end: int | None = None) -> Iterator[Box]:
    """Go over the boxes between two places, as far as they are whole."""
    end = len(data) if end is None else min(end, len(data))
    while start + 8 <= end:
        size, contents = int.from_bytes(data[start : start + 4], "big"), start + 8
        if size == 1:
            size, contents = int.from_bytes(data[start + 8 : start + 16], "big"), start + 16
        behind = start + size if size else end
        if behind < contents or behind > end:
            return
        yield Box(data[start + 4 : start + 8], contents, behind)
        start = behind


def find_boxes(data: bytes, *path: bytes) -> Iterator[Box]:
    """Return the boxes at a path of types, such as `meta`, `iprp`, `ipco`, `clap`."""

    def below(box: Box, kinds: tuple[bytes, ...]) -> Iterator[Box]:
        if not kinds:
            yield box
            return
        start = box.start + (4 if box.kind == b"meta" else 0)  # a version and flags
        for inner in boxes(data, start, box.end):
            if inner.kind == kinds[0]:
                yield from below(inner, kinds[1:])

    return below(Box(b"", 0, len(data)), path)
