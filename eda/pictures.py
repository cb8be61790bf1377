"""Photos, and plots that show photos, small enough for the page."""

import base64
import io
import math
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from PIL import Image
from tqdm import tqdm

from eda.dataset import Dataset
from eda.images import WORKERS, open_image

SIDES = (640, 480, 320, 240, 160)
"""Pixels of a thumbnail's longer side, from the largest."""

SAMPLE = 24
"""Photos encoded at a time, and to estimate the size of all."""

QUALITY = 70

KEY = 16
"""Bytes in the page beside a data URI: its key, quotes and a comma."""


def thumbnails(dataset: Dataset, rows: Sequence[int], max_bytes: int, sides: Sequence[int] = SIDES) -> dict[int, str]:
    """Return data URIs of the first photos in these rows of the images table that take at most `max_bytes`.

    Their longer side is the largest of `sides` with which all fit, or the last. A photo that cannot be
    read is left out. Shows progress on stderr.
    """
    side = fitting_side(dataset, rows, max_bytes, sides)
    found: dict[int, str] = {}
    encode = partial(thumbnail, dataset, side=side)
    with ThreadPoolExecutor(WORKERS) as pool, tqdm(total=len(rows), desc="thumbnails", unit="image") as progress:
        for start in range(0, len(rows), SAMPLE):
            some = rows[start : start + SAMPLE]
            for row, uri in zip(some, pool.map(encode, some), strict=True):
                max_bytes -= len(uri) + KEY
                if max_bytes < 0:
                    return found
                if uri:
                    found[row] = uri
            progress.update(len(some))
    return found


def fitting_side(dataset: Dataset, rows: Sequence[int], max_bytes: int, sides: Sequence[int] = SIDES) -> int:
    """Return the largest of `sides` with which all photos fit, or the last, by a sample that is spread over all."""
    sample = rows[:: max(1, len(rows) // SAMPLE)][:SAMPLE]
    with ThreadPoolExecutor(WORKERS) as pool:
        for side in sides:
            mean = mean_length(pool.map(partial(thumbnail, dataset, side=side), sample))
            if mean * len(rows) <= max_bytes:
                return side
    return sides[-1]


def mean_length(uris: Iterable[str]) -> float:
    lengths = [len(uri) for uri in uris]
    return sum(lengths) / max(1, len(lengths))


def thumbnail(dataset: Dataset, row: int, side: int) -> str:
    """Return a photo as a data URI, no side longer than `side` pixels; "" if it cannot be read."""
    try:
        photo = open_image(dataset, row, side)
    except Exception:  # noqa: BLE001  (a decoder may raise anything; the findings name the photo)
        return ""
    out = io.BytesIO()
    # Pillow writes no EXIF orientation unless asked to: the photo is already in the frame of its boxes.
    photo.save(out, "WEBP", quality=QUALITY)
    return f"data:image/webp;base64,{base64.b64encode(out.getvalue()).decode()}"


def shrink_pictures(pictures: Sequence[bytes], max_bytes: int) -> list[bytes]:
    """Return JPEG files with fewer pixels, all by one factor, so that together they take at most `max_bytes`."""
    shrunk = list(pictures)
    while (total := sum(map(len, shrunk))) > max_bytes:
        shrunk = [scale_picture(picture, min(0.95, math.sqrt(max_bytes / total))) for picture in shrunk]
    return shrunk


def scale_picture(picture: bytes, factor: float) -> bytes:
    out = io.BytesIO()
    with Image.open(io.BytesIO(picture)) as image:
        sides = (max(1, round(factor * side)) for side in image.size)
        image.resize((next(sides), next(sides)), Image.Resampling.LANCZOS).save(out, "JPEG", quality=QUALITY)
    return out.getvalue()
