"""Which formats are accepted, and what the header of a file says, before a pixel is decoded."""

import logging
import warnings
from io import BytesIO
from typing import Final

from PIL import Image

from handler.decode import png
from handler.decode.bmp import unsupported_bmp
from handler.decode.broken import BROKEN
from handler.decode.heic import HEIC
from handler.decode.heif import is_cropped
from handler.decode.jpeg2000 import unsupported_jpeg2000
from handler.decode.limits import check_pixels
from handler.decode.markers import START as START_OF_JPEG
from handler.decode.markers import without_metadata
from handler.decode.refused import explain
from handler.decode.tiff import unsupported_tiff
from handler.decode.transfer import explain_transfer
from handler.errors import DAMAGED_IMAGE, UNSUPPORTED_FORMAT, RequestError

logger = logging.getLogger(__name__)

# The limit is the handler's own setting, checked right after the header is read: Pillow's would come with a warning.
Image.MAX_IMAGE_PIXELS = None
# It warns of every odd tag of a file, and a hostile file has thousands of them: they would fill the log.
warnings.filterwarnings("ignore", module=r"PIL\.")

# Pillow's names of the formats. MPO is a phone's JPEG with a second picture behind the first.
FORMATS: Final = ("JPEG", "MPO", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF", "JPEG2000", *HEIC)
OPENED_AS = tuple(name for name in FORMATS if name != "MPO")  # Pillow opens an MPO as a JPEG, and then finds out
SUPPORTED = f"JPEG, PNG, WebP, GIF, BMP, TIFF, AVIF{', HEIC' if HEIC else ''} or JPEG 2000"


def open_image(data: bytes, max_pixels: int) -> Image.Image:
    """Read an image's header.

    Args:
        data: the encoded image.
        max_pixels: most pixels it may have; a quarter of it for AVIF, HEIC and JPEG 2000.

    Raises:
        RequestError: unsupported-format, damaged-image or too-many-pixels.
    """
    image = _identify(data)
    if error_of_transfer := explain_transfer(data, opened=True):
        raise error_of_transfer
    try:
        kind = _unsupported_kind(image, data)
    except BROKEN as error:
        raise _broken_header(error) from error
    if kind:
        raise RequestError(UNSUPPORTED_FORMAT, f"{kind} is not supported: save it as JPEG or PNG")
    check_pixels(image, max_pixels)
    return image


def _identify(data: bytes) -> Image.Image:
    try:
        return _open(data)
    except BROKEN as error:
        if error_of_kind := explain(data):
            raise error_of_kind from error
        if not any(Image.OPEN[name][1](data[:16]) for name in OPENED_AS if name in Image.OPEN):  # type: ignore[misc]
            raise RequestError(
                UNSUPPORTED_FORMAT, f"the body is no {SUPPORTED} image: send the image file's own bytes"
            ) from error
        raise _broken_header(error) from error


def _broken_header(error: BaseException) -> RequestError:
    logger.info("an image with a damaged header: %r", error)
    return RequestError(DAMAGED_IMAGE, "the image is cut off or broken within its header: send the whole file again")


def _open(data: bytes) -> Image.Image:
    # Without what Pillow need not read of it: broken or large metadata are no reason to refuse a picture.
    if data.startswith(png.SIGNATURE):
        data = png.essential(data)
    try:
        image = Image.open(BytesIO(data), formats=OPENED_AS)
        if not isinstance(image.info.get("xmp", b""), bytes):  # a TIFF that calls it text; Pillow looks in it for bytes
            del image.info["xmp"]
        return image
    except BROKEN:
        if not data.startswith(START_OF_JPEG):
            raise
    return Image.open(BytesIO(without_metadata(data)), formats=("JPEG",))


def _unsupported_kind(image: Image.Image, data: bytes) -> str | None:
    """Return what an opened image is where Pillow would decode it to another picture, or not at all."""
    match image.format:
        case "TIFF":
            return unsupported_tiff(image)
        case "JPEG2000":
            return unsupported_jpeg2000(image, data)
        case "BMP":
            return unsupported_bmp(image, data)
        case "AVIF" if is_cropped(data):
            return "an AVIF with a crop (clean aperture)"
    return None
