"""From encoded bytes to a photo as a uint8 tensor.

Pillow reads the header only, which names the format and the size before a pixel is decoded; simplejpeg (libjpeg-turbo)
decodes JPEGs, Pillow the rest. FORMATS is the whole list.

A JPEG that is much larger than the model needs can be decoded at a half, a quarter or an eighth of its size, which
skips most of the work on its 8 x 8 blocks.
"""

import logging
import struct
import warnings
from dataclasses import dataclass
from io import BytesIO
from typing import Final

import numpy as np
import simplejpeg
import torch
from PIL import ExifTags, Image, UnidentifiedImageError
from torch import Tensor

from handler.errors import (
    DAMAGED_IMAGE,
    TOO_MANY_PIXELS,
    TOO_MUCH_WORK,
    UNSUPPORTED_FORMAT,
    RequestError,
    is_out_of_memory,
)

logger = logging.getLogger(__name__)

# The limit is the handler's own setting, checked right after the header is read: Pillow's would come with a warning.
Image.MAX_IMAGE_PIXELS = None
# It warns of every odd tag of a file, and a hostile file has thousands of them: they would fill the log.
warnings.filterwarnings("ignore", module=r"PIL\.")

# What a broken or hostile file makes Pillow raise while it reads it.
BROKEN: Final = (
    OSError,
    ValueError,
    SyntaxError,
    RuntimeError,
    IndexError,
    KeyError,
    TypeError,
    OverflowError,
    struct.error,
)


def _with_pillow(image: Image.Image) -> Tensor:
    if image.mode.startswith("I;16"):
        # Pillow's own conversion clips 16-bit grey to white instead of scaling it.
        wide = torch.frombuffer(bytearray(image.convert("I").tobytes()), dtype=torch.int32)
        grey = (wide >> 8).to(torch.uint8).reshape(1, image.height, image.width)
        return grey.expand(3, -1, -1)
    if image.mode in ("I", "F"):
        raise RequestError(
            UNSUPPORTED_FORMAT,
            f"32-bit pixels (mode {image.mode}) have no fixed white: save the image with 8 bits",
        )
    return _tensor(np.array(image.convert("RGB")))


def _tensor(pixels: np.ndarray) -> Tensor:
    """Return (height, width, 3) as (3, height, width), which shares its memory."""
    return torch.from_numpy(pixels).permute(2, 0, 1)


START_OF_SCAN = (0xFF, 0xDA)  # never within a JPEG's compressed pixels
# A progressive JPEG has about ten scans, and a thumbnail or a second picture its own. A hostile one repeats a scan of a
# hundred bytes over the whole picture, and no alarm rings while libjpeg is at it.
MOST_SCANS = 100


@dataclass(frozen=True)
class Jpeg:
    """A JPEG whose header was read; its pixels can be decoded in any thread, or on a GPU.

    Args:
        data: the encoded image.
        width: pixels, before it is turned upright.
        height: likewise.
        orientation: EXIF's, 1 to 8.
        parts: how many times smaller it is to be decoded on each side.
        plain: whether its colours are YCbCr or grey, as nearly all are.
    """

    data: bytes
    width: int
    height: int
    orientation: int
    parts: int
    plain: bool


def as_jpeg(image: Image.Image, data: bytes, short_side: int | None) -> Jpeg | None:
    """Return the JPEG of an image whose header was read, None where Pillow must decode it.

    Raises:
        RequestError: too-much-work.
    """
    if image.format not in ("JPEG", "MPO"):
        return None
    if (scans := _scans(data)) > MOST_SCANS:
        raise RequestError(TOO_MUCH_WORK, f"the JPEG has {scans} scans, over the limit of {MOST_SCANS}: save it anew")
    if image.mode == "CMYK":  # libjpeg leaves the inversion of Adobe's CMYK to its caller; Pillow does it
        return None
    parts = _parts(*image.size, short_side) if short_side else 1
    plain = image.info.get("adobe_transform", 1) == 1
    return Jpeg(data, image.width, image.height, _orientation(image), parts, plain)


def _scans(data: bytes) -> int:
    """Return how many scans a JPEG has at most; four times as fast as bytes.count, which takes 0.1 ms a photo."""
    first, second = START_OF_SCAN
    pixels = np.frombuffer(data, np.uint8)
    return int(np.count_nonzero(pixels[1:][pixels[:-1] == first] == second))


def decode_jpeg(jpeg: Jpeg) -> Tensor:
    """Return the upright pixels (3, height, width).

    Raises:
        ValueError: libjpeg has an error or a warning; Pillow knows which files are damaged.
    """
    parts = jpeg.parts
    least = {"min_height": jpeg.height // parts, "min_width": jpeg.width // parts} if parts > 1 else {}
    return upright(_tensor(simplejpeg.decode_jpeg(jpeg.data, "RGB", **least)), jpeg.orientation)


# Pillow's names of the formats. MPO is a phone's JPEG with a second picture behind the first.
FORMATS: Final = ("JPEG", "MPO", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF", "JPEG2000")
# Their decoders take some 20 bytes a pixel, where others take 3 or 4: a quarter of the pixels is their limit.
COSTLY: Final = ("AVIF", "JPEG2000")
OPENED_AS = tuple(name for name in FORMATS if name != "MPO")  # Pillow finds out that a JPEG is one by itself
SUPPORTED = "JPEG, PNG, WebP, GIF, BMP, TIFF, AVIF or JPEG 2000"


# A JPEG is decoded smaller only while its short side stays this many times the length that it is resized to. The
# largest change of a ResNet-50's score on 25 photos was 0.20 at 2 times, 0.08 at 3 and 0.04 at 4; one grey level in a
# fifth of the input's values makes 0.04 too.
SPARE = 4


def decode(data: bytes, max_pixels: int, short_side: int | None = None) -> Tensor:
    """Decode one image: its first frame, upright, without alpha.

    Args:
        data: the encoded image.
        max_pixels: most pixels it may have; a quarter of it for AVIF and JPEG 2000.
        short_side: pixels that its short side will be resized to, so that a large JPEG may be decoded smaller; None
            decodes it as it is.

    Returns:
        uint8 RGB tensor of shape (3, height, width).

    Raises:
        RequestError: unsupported-format, too-many-pixels (before anything is decoded) or damaged-image.
    """
    return decode_opened(open_image(data, max_pixels), data, short_side)


def open_image(data: bytes, max_pixels: int) -> Image.Image:
    """Read an image's header; see `decode`."""
    image = _open(data)
    width, height = image.size
    if image.format in COSTLY:
        max_pixels //= 4
    if width * height > max_pixels:
        raise RequestError(
            TOO_MANY_PIXELS,
            f"{width} x {height} pixels are over the limit of {max_pixels / 1e6:g} megapixels: "
            "send a smaller copy (the model looks at a few hundred pixels a side)",
        )
    return image


def decode_opened(image: Image.Image, data: bytes, short_side: int | None) -> Tensor:
    """Decode the pixels of an image whose header was read; see `decode`."""
    try:
        if jpeg := as_jpeg(image, data, short_side):
            try:
                return decode_jpeg(jpeg)
            except ValueError as error:
                logger.info("simplejpeg: %s", error)
        if short_side and (parts := _parts(*image.size, short_side)) > 1:
            image.draft(None, (image.width // parts, image.height // parts))  # a JPEG's; others take no notice
        return upright(_with_pillow(image), _orientation(image))
    except BROKEN as error:
        if is_out_of_memory(error):
            raise
        logger.info("a damaged %s image: %r", image.format, error)
        raise RequestError(
            DAMAGED_IMAGE, f"the {image.format} image is cut off or broken: send the whole file again"
        ) from error


def _parts(width: int, height: int, short_side: int) -> int:
    """Return 8, 4, 2 or 1: how many times smaller a JPEG is decoded on each side.

    Both sides are divided without a rest: a pixel more or less would move the whole picture under the network's eye by
    a fraction of a pixel, which alone moves scores.
    """
    fits = (parts for parts in (8, 4, 2) if min(width, height) >= parts * SPARE * short_side)
    return next((parts for parts in fits if width % parts == height % parts == 0), 1)


def _open(data: bytes) -> Image.Image:
    try:
        return Image.open(BytesIO(data), formats=OPENED_AS)
    except UnidentifiedImageError as error:
        if any(Image.OPEN[name][1](data[:16]) for name in OPENED_AS if name in Image.OPEN):  # type: ignore[misc]
            raise RequestError(DAMAGED_IMAGE, "the image ends within its header: send the whole file again") from error
        raise RequestError(
            UNSUPPORTED_FORMAT, f"the body is no {SUPPORTED} image: send the photo's own bytes"
        ) from error
    except BROKEN as error:
        logger.info("an image with a damaged header: %r", error)
        raise RequestError(DAMAGED_IMAGE, "the image's header is broken: send the whole file again") from error


def _orientation(image: Image.Image) -> int:
    """Return EXIF's orientation, 1 to 8; a photo whose EXIF cannot be read stands as it is."""
    try:
        return int(image.getexif().get(ExifTags.Base.Orientation, 1))
    except BROKEN:
        return 1


def upright(pixels: Tensor, orientation: int) -> Tensor:
    """Turn and mirror (3, height, width) as EXIF 2.32, tag 0x0112, says."""
    if orientation in (5, 6, 7, 8):  # rows and columns change places
        pixels = pixels.transpose(1, 2)
    flips = {2: [2], 3: [1, 2], 4: [1], 6: [2], 7: [1, 2], 8: [1]}.get(orientation)
    return pixels.flip(flips) if flips else pixels
