"""Which formats are accepted, and what the header of a file says, before a pixel is decoded."""

import logging
import struct
import warnings
from io import BytesIO
from typing import Final

from PIL import Image, UnidentifiedImageError

from handler.decode.limits import check_pixels
from handler.errors import DAMAGED_IMAGE, UNSUPPORTED_FORMAT, RequestError

logger = logging.getLogger(__name__)

# The limit is the handler's own setting, checked right after the header is read: Pillow's would come with a warning.
Image.MAX_IMAGE_PIXELS = None
# It warns of every odd tag of a file, and a hostile file has thousands of them: they would fill the log.
warnings.filterwarnings("ignore", module=r"PIL\.")

# Pillow's names of the formats. MPO is a phone's JPEG with a second picture behind the first.
FORMATS: Final = ("JPEG", "MPO", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF", "JPEG2000")
OPENED_AS = tuple(name for name in FORMATS if name != "MPO")  # Pillow opens an MPO as a JPEG, and then finds out
SUPPORTED = "JPEG, PNG, WebP, GIF, BMP, TIFF, AVIF or JPEG 2000"

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


def open_image(data: bytes, max_pixels: int) -> Image.Image:
    """Read an image's header.

    Args:
        data: the encoded image.
        max_pixels: most pixels it may have; a quarter of it for AVIF and JPEG 2000.

    Raises:
        RequestError: unsupported-format, damaged-image or too-many-pixels.
    """
    image = _identify(data)
    check_pixels(image, max_pixels)
    return image


def _identify(data: bytes) -> Image.Image:
    try:
        return Image.open(BytesIO(data), formats=OPENED_AS)
    except UnidentifiedImageError as error:
        if any(Image.OPEN[name][1](data[:16]) for name in OPENED_AS if name in Image.OPEN):  # type: ignore[misc]
            raise RequestError(DAMAGED_IMAGE, "the image ends within its header: send the whole file again") from error
        raise RequestError(
            UNSUPPORTED_FORMAT, f"the body is no {SUPPORTED} image: send the image file's own bytes"
        ) from error
    except BROKEN as error:
        logger.info("an image with a damaged header: %r", error)
        raise RequestError(DAMAGED_IMAGE, "the image's header is broken: send the whole file again") from error
