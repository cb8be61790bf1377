"""Does one image lie within another, perhaps mirrored? Tells an altered copy from another photo of the same kind."""

from functools import cache
from typing import NamedTuple

import numpy as np
from PIL import Image
from scipy import fft, ndimage

SIDE = 48
"""Pixels of a thumbnail's longer side."""

SMOOTH = 6.0
"""Pixels: the Gaussian's sigma of what is subtracted, so that only edges and textures count, not light and shade."""

MIN_SCALE, STEP = 0.5, 1.04
"""The smaller image is tried in sizes from 1 to MIN_SCALE of the larger one's, each STEP smaller than the last."""

MIN_SIDE = 16
"""Pixels of the smaller image's shorter side; less would fit somewhere in any image."""

FLAT = 6.0
"""Levels (0-255): a row or column at the edge whose standard deviation is smaller is a border, and is cut off."""


class Alignment(NamedTuple):
    """How well two images align at best.

    correlation: normalised cross-correlation of the overlap, -1 to 1
    share: of the larger image that the smaller one shows, by area, 0 to 1
    mirrored: whether one of them is mirrored
    """

    correlation: float
    share: float
    mirrored: bool


NONE = Alignment(0.0, 0.0, mirrored=False)


def thumbnail(image: Image.Image) -> Image.Image:
    """Return the image in grey without its uniform borders, its longer side SIDE pixels."""
    grey = image.convert("L")
    grey.thumbnail((4 * SIDE, 4 * SIDE), Image.Resampling.BOX)
    levels = np.asarray(grey, dtype=np.float32)
    inside = [np.flatnonzero(levels.std(axis=axis) >= FLAT) for axis in (0, 1)]
    if all(len(found) for found in inside):
        (left, right), (top, bottom) = [(int(found[0]), int(found[-1]) + 1) for found in inside]
        grey = grey.crop((left, top, right, bottom))
    scale = SIDE / max(grey.size)
    return grey.resize((max(1, round(grey.width * scale)), max(1, round(grey.height * scale))), Image.Resampling.BOX)


def align(first: Image.Image, second: Image.Image) -> Alignment:
    """Return the best alignment of two thumbnails: either may be a part of the other, as it is or mirrored."""
    return max(search(first, second), search(second, first), key=lambda found: found.correlation)


def search(whole: Image.Image, part: Image.Image) -> Alignment:
    """Find `part` in `whole`, in all sizes and places, by normalised cross-correlation (Lewis 1995), with FFTs.

    Only places where the part lies within the whole count, so nothing wraps round and the FFTs need no padding. A
    mirrored part in an image is the part in the mirrored image.
    """
    image = edges(whole)
    height, width = image.shape
    size = (fft.next_fast_len(height, real=True), fft.next_fast_len(width, real=True))
    templates, placed = [], []
    for w, h in tried_sizes(part, width, height):
        template = edges(part.resize((w, h), Image.Resampling.BOX))
        template -= template.mean()
        norm = float(np.linalg.norm(template))
        if norm > 1:
            padded = np.zeros(size, np.float32)
            padded[:h, :w] = template / norm
            templates.append(padded)
            placed.append((h, w))
    if not templates:
        return NONE
    spectra = np.conj(fft.rfft2(np.stack(templates)))
    views = np.stack([image, image[:, ::-1]])
    products = fft.irfft2(fft.rfft2(views, size)[:, None] * spectra, size)
    sums, squares = (np.pad(level.cumsum(0).cumsum(1), ((1, 0), (1, 0))) for level in (image, image**2))
    best = NONE
    for number, (h, w) in enumerate(placed):
        variance = np.maximum(window(squares, h, w) - window(sums, h, w) ** 2 / (h * w), 1.0)
        deviation = np.sqrt(variance)
        for mirrored, norms in ((False, deviation), (True, deviation[:, ::-1])):
            found = products[int(mirrored), number, : height - h + 1, : width - w + 1] / norms
            correlation = float(found.max())
            if correlation > best.correlation:
                best = Alignment(correlation, h * w / (height * width), mirrored)
    return best


def edges(image: Image.Image) -> np.ndarray:
    """Return a thumbnail's levels (0-255) without their slow changes, as float32."""
    levels = np.asarray(image, dtype=np.float32)
    height, width = levels.shape
    return np.asarray(levels - blur(height) @ levels @ blur(width).T)


@cache
def blur(size: int) -> np.ndarray:
    """Return the Gaussian filter of that many pixels as a matrix: far cheaper for a thumbnail than a call to scipy."""
    matrix = ndimage.gaussian_filter1d(np.eye(size), SMOOTH, axis=0, mode="nearest")
    return np.asarray(matrix, dtype=np.float32)


def tried_sizes(part: Image.Image, width: int, height: int) -> list[tuple[int, int]]:
    """Return the sizes (width, height) of `part` that fit in a frame."""
    scales = STEP ** -np.arange(1 + int(np.log(1 / MIN_SCALE) / np.log(STEP)))
    sizes = dict.fromkeys((round(part.width * scale), round(part.height * scale)) for scale in scales)
    return [(w, h) for w, h in sizes if w <= width and h <= height and min(w, h) >= MIN_SIDE]


def window(sums: np.ndarray, height: int, width: int) -> np.ndarray:
    """Return the sum over every window of this size, from a table of sums with a row and a column of zeros before."""
    return np.asarray(sums[height:, width:] - sums[:-height, width:] - sums[height:, :-width] + sums[:-height, :-width])
