"""The picture that the generated files show, and its samples."""

from typing import Any, NamedTuple

import numpy as np

WIDTH, HEIGHT = 20, 16
Samples = np.ndarray[Any, np.dtype[Any]]


class Case(NamedTuple):
    """A file of the matrix.

    Args:
        name: what is in it.
        data: its bytes.
        pixels: uint8 (height, width, 3) that it shows, where no second decoder knows it better.
        tolerance: most that a value may be off.
    """

    name: str
    data: bytes
    pixels: Samples | None = None
    tolerance: int = 1


def colors() -> Samples:
    """Return a picture of smooth colours with white and black corners, 0 to 1, (height, width, 3)."""
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH]
    picture = np.stack([x / WIDTH, y / HEIGHT, (x + y) / (WIDTH + HEIGHT)], axis=-1)
    picture[:3, :3], picture[-3:, -3:] = 1, 0
    return picture


def of_bits(picture: Samples, bits: int) -> Samples:
    kind = np.uint8 if bits <= 8 else np.uint16 if bits <= 16 else np.uint32
    samples: Samples = np.round(picture * (2**bits - 1)).astype(kind)
    return samples


def shown(picture: Samples) -> Samples:
    """Return uint8 RGB."""
    pixels = of_bits(picture, 8)
    return pixels if pixels.ndim == 3 else np.repeat(pixels[..., None], 3, axis=-1)


def packed(samples: Samples, bits: int, align: int) -> bytes:
    """Return rows of samples of so many bits, each row filled up to a multiple of bits."""
    each = samples.reshape(len(samples), -1)
    rows = (each[..., None].astype(np.int64) >> np.arange(bits - 1, -1, -1) & 1).reshape(len(each), -1)
    return np.packbits(np.pad(rows, ((0, 0), (0, -rows.shape[1] % align))).astype(np.uint8), axis=1).tobytes()
