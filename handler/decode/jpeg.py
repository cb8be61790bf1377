"""JPEGs by simplejpeg (libjpeg-turbo), which releases Python's lock.

A JPEG that is much larger than the model needs can be decoded at a half, a quarter or an eighth of its size, which
skips most of the work on its 8 x 8 blocks.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
import simplejpeg
from PIL import Image
from torch import Tensor

from handler.decode.fallback import JpegError
from handler.decode.limits import check_scans
from handler.decode.orientation import orientation_of, upright
from handler.decode.pillow import channels_first

# A JPEG is decoded smaller only while its short side stays this many times the length that it is resized to. The
# largest change of a ResNet-50's score on 25 photos was 0.20 at 2 times, 0.08 at 3 and 0.04 at 4; one grey level in a
# fifth of the input's values makes 0.04 too.
MIN_OVERSAMPLING = 4

Colors = Literal["plain", "rgb", "cmyk"]


@dataclass(frozen=True)
class Jpeg:
    """A JPEG whose header was read; its pixels can be decoded in any thread, or on a GPU.

    Args:
        data: the encoded image.
        width: pixels, before it is turned upright.
        height: likewise.
        orientation: EXIF's, 1 to 8.
        scale_denominator: how many times smaller it is to be decoded on each side.
        colors: `plain` is YCbCr or grey, as nearly all are.
    """

    data: bytes
    width: int
    height: int
    orientation: int
    scale_denominator: int
    colors: Colors


def read_jpeg(image: Image.Image, data: bytes, short_side: int | None) -> Jpeg | None:
    """Return the JPEG of an image whose header was read; None where it is of another format.

    Args:
        image: the opened image.
        data: the encoded image.
        short_side: pixels that its short side will be resized to, so that it may be decoded smaller; None decodes it
            as it is.

    Raises:
        RequestError: too-much-work.
    """
    if image.format not in ("JPEG", "MPO"):
        return None
    check_scans(data)
    denominator = scale_denominator(*image.size, short_side)
    if image.mode == "CMYK":
        colors: Colors = "cmyk"
    else:
        colors = "plain" if image.info.get("adobe_transform", 1) == 1 else "rgb"
    return Jpeg(data, image.width, image.height, orientation_of(image), denominator, colors)


def decode_jpeg(jpeg: Jpeg, *, strict: bool = True) -> Tensor:
    """Return the upright pixels (3, height, width).

    Args:
        jpeg: what to decode.
        strict: whether a warning of libjpeg is an error.

    Raises:
        JpegError: libjpeg has an error or a warning.
    """
    denominator = jpeg.scale_denominator
    smaller = {"min_height": jpeg.height // denominator, "min_width": jpeg.width // denominator}
    try:
        pixels = simplejpeg.decode_jpeg(
            jpeg.data,
            "CMYK" if jpeg.colors == "cmyk" else "RGB",
            strict=strict,
            **(smaller if denominator > 1 else {}),
        )
    except ValueError as error:
        raise JpegError(str(error)) from error
    if jpeg.colors == "cmyk":  # inverted, as Adobe has it
        height, width = pixels.shape[:2]
        pixels = np.array(Image.frombuffer("CMYK", (width, height), pixels, "raw", "CMYK;I", 0, 1).convert("RGB"))
    return upright(channels_first(pixels), jpeg.orientation)


def scale_denominator(width: int, height: int, short_side: int | None) -> int:
    """Return 8, 4, 2 or 1: how many times smaller a JPEG is decoded on each side.

    Both sides are divided without a remainder: a pixel more or less would shift the whole picture by a fraction of a
    pixel, which alone moves scores.
    """
    if short_side is None:
        return 1
    large_enough = (by for by in (8, 4, 2) if min(width, height) >= by * MIN_OVERSAMPLING * short_side)
    return next((by for by in large_enough if width % by == height % by == 0), 1)
