"""A second decoder, to compare pixels with: tifffile and imagecodecs where they are installed, else Pillow alone."""

from collections.abc import Callable
from io import BytesIO
from typing import Any, NamedTuple

import numpy as np
from PIL import ExifTags, Image, ImageOps

Pixels = np.ndarray[Any, np.dtype[np.uint8]]


class Second(NamedTuple):
    """What a second decoder makes of an image.

    Args:
        decoder: its name.
        pixels: uint8, (height, width, 3), upright.
    """

    decoder: str
    pixels: Pixels


def decode(data: bytes) -> Second | None:
    """Decode the first picture of a file, or return None where no second decoder can.

    Raises:
        Exception: whatever the decoder raises for a file that it cannot read.
    """
    image = Image.open(BytesIO(data))
    for name, decoder in _DECODERS.get(image.format or "", ()):
        try:
            pixels = decoder(data)
        except ImportError:
            continue
        return Second(name, _upright(pixels, image)) if pixels is not None else None
    if image.format == "HEIF" or image.mode in ("I", "F", "LAB"):  # the handler's own decoder, or none
        return None
    return Second("Pillow", _upright(_by_pillow(image), image))


def _by_pillow(image: Image.Image) -> Pixels:
    if image.mode.startswith("I;16"):
        return _to_rgb(np.asarray(image), bits=16)
    return np.asarray(image.convert("RGB"))


def _by_tifffile(data: bytes) -> Pixels | None:
    import tifffile  # noqa: PLC0415 - it is only in the tests' environment

    with tifffile.TiffFile(BytesIO(data)) as file:
        page = file.pages[0]
        samples, kind, bits = page.asarray(), page.photometric.name, page.bitspersample
        if samples.ndim == 3 and page.planarconfig == tifffile.PLANARCONFIG.SEPARATE:
            samples = np.moveaxis(samples, 0, -1)
        if kind == "PALETTE":
            indices = (samples if samples.ndim == 2 else samples[..., 0]).astype(int)
            return _to_rgb(np.moveaxis(page.colormap[:, indices], 0, -1), bits=16)
    if kind == "SEPARATED":
        inks = samples[..., :4].astype(np.float64) / (2**bits - 1)
        samples, kind, bits = 255 * (1 - inks[..., :3]) * (1 - inks[..., 3:]), "RGB", 8
    if kind == "MINISWHITE":
        samples = 2**bits - 1 - samples.astype(np.int64)
    # As YCbCr, tifffile returns RGB where a JPEG lies inside, and else the samples themselves.
    has_colors = kind == "RGB" or (kind == "YCBCR" and page.compression == tifffile.COMPRESSION.JPEG)
    return _to_rgb(samples, bits) if has_colors or kind.startswith("MINIS") else None


def _by_openjpeg(data: bytes) -> Pixels:
    import imagecodecs  # noqa: PLC0415 - likewise

    samples = imagecodecs.jpeg2k_decode(data)
    return _to_rgb(samples, bits=8 * samples.itemsize)


_DECODERS: dict[str, tuple[tuple[str, Callable[[bytes], Pixels | None]], ...]] = {
    "TIFF": (("tifffile", _by_tifffile),),
    "JPEG2000": (("imagecodecs", _by_openjpeg),),
}


def _to_rgb(samples: np.ndarray[Any, np.dtype[Any]], bits: int) -> Pixels:
    """Return grey or RGB samples of so many bits, without their alpha, as RGB of 8 bits."""
    scaled: Pixels = np.round(samples.astype(np.float64) * 255 / (2**bits - 1)).astype(np.uint8)
    if scaled.ndim == 2:
        scaled = scaled[..., None]
    return scaled[..., :3] if scaled.shape[-1] >= 3 else scaled[..., :1].repeat(3, axis=-1)


def _upright(pixels: Pixels, image: Image.Image) -> Pixels:
    orientation = image.getexif().get(ExifTags.Base.Orientation, 1)
    stored = Image.fromarray(pixels)
    stored.getexif()[ExifTags.Base.Orientation] = orientation
    return np.asarray(ImageOps.exif_transpose(stored))
