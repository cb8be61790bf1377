"""One file through the decoder of the server, as a row of a report."""

import sys
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from handler.decode.deadline import TimeBudget
from handler.decode.formats import open_image
from handler.decode.image import decode_image
from handler.errors import RequestError
from handler.settings import Settings
from scripts.formats import second


@dataclass(frozen=True)
class Row:
    """What became of a file.

    Args:
        file: its path.
        format: Pillow's name of its format, if it is one that is decoded.
        width: pixels of the upright picture, if it was decoded.
        height: likewise.
        status: the HTTP status that a prediction would have.
        reason: the problem's slug of a file that is refused.
        detail: what the client would be told.
        milliseconds: that decoding took.
        decoder: which second decoder the pixels were compared with, if one could decode it.
        largest: difference of a value from the second decoder's, of 255.
        mean: likewise.
    """

    file: str
    format: str | None
    width: int | None
    height: int | None
    status: int
    reason: str | None
    detail: str | None
    milliseconds: float
    decoder: str | None
    largest: int | None
    mean: float | None


def check(path: Path, settings: Settings) -> Row:
    """Decode a file as a worker would with these settings, and by a second decoder."""
    data = path.read_bytes()
    start = time.perf_counter()
    try:
        pixels = TimeBudget(settings.max_seconds).run(lambda: decode_image(data, settings.max_pixels))
    except RequestError as error:
        problem = error.problem
        spent = _milliseconds(start)
        return Row(
            str(path), _format(data), None, None, problem.status, problem.slug, error.detail, spent, None, None, None
        )
    spent = _milliseconds(start)
    height, width = pixels.shape[1:]
    other = _second(data)
    if other is None:
        return Row(str(path), _format(data), width, height, 200, None, None, spent, None, None, None)
    largest, mean = _difference(pixels.permute(1, 2, 0).numpy(), other.pixels)
    return Row(str(path), _format(data), width, height, 200, None, None, spent, other.decoder, largest, mean)


def _milliseconds(start: float) -> float:
    return round(1000 * (time.perf_counter() - start), 2)


def _second(data: bytes) -> second.Second | None:
    try:
        return second.decode(data)
    except Exception:  # noqa: BLE001 - each decoder has errors of its own, and the first decoded the file
        return None


def _format(data: bytes) -> str | None:
    try:
        return open_image(data, max_pixels=sys.maxsize).format
    except RequestError:
        return None


def _difference(pixels: second.Pixels, other: second.Pixels) -> tuple[int, float]:
    """Return the largest and the mean difference of two pictures; 255 where their sizes differ."""
    if pixels.shape != other.shape:
        return 255, 255.0
    off = np.abs(pixels.astype(np.int16) - other)
    return int(off.max()), round(float(off.mean()), 3)
