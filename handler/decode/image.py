"""One image, decoded in the calling thread."""

from functools import partial

from PIL import Image
from torch import Tensor

from handler.decode.doubtful import decode_doubtful
from handler.decode.fallback import first_or_fallback
from handler.decode.formats import open_image
from handler.decode.jpeg import Jpeg, decode_jpeg, read_jpeg
from handler.decode.orientation import SIDEWAYS, orientation_of
from handler.decode.pillow import decode_with_pillow
from handler.decode.transfer import explain_transfer
from handler.errors import RequestError

# Where a PNG may tell its orientation: Pillow decodes all of the pixels to look behind them.
PNG_EXIF = (b"eXIf", b"Raw profile type exif")


def decode_image(data: bytes, max_pixels: int, short_side: int | None = None) -> Tensor:
    """Decode one image: its first frame, upright, without alpha.

    Args:
        data: the encoded image.
        max_pixels: most pixels it may have; a quarter of it for AVIF, HEIC and JPEG 2000.
        short_side: pixels that its short side will be resized to, so that a large JPEG may be decoded smaller; None
            decodes it as it is.

    Returns:
        uint8 RGB tensor of shape (3, height, width).

    Raises:
        RequestError: unsupported-format, too-many-pixels (before anything is decoded), too-much-work or damaged-image.
    """
    return decode_opened(open_image(data, max_pixels), data, short_side)


def upright_size(data: bytes, max_pixels: int) -> tuple[int, int]:
    """Return the (width, height) of what `decode_image` returns, from the header alone."""
    image = open_image(data, max_pixels)
    width, height = image.size
    if image.format == "TIFF":  # Pillow has turned it
        return width, height
    if image.format == "PNG" and not any(name in data for name in PNG_EXIF):
        return width, height
    return (height, width) if orientation_of(image) in SIDEWAYS else (width, height)


def decode_opened(image: Image.Image, data: bytes, short_side: int | None) -> Tensor:
    """Decode an image whose header was read; see `decode_image`."""
    jpeg = read_jpeg(image, data, short_side)
    if jpeg is None:
        try:
            return decode_with_pillow(image)
        except RequestError as error:
            raise explain_transfer(data) or error from error
    return first_or_fallback(partial(decode_jpeg, jpeg), partial(decode_carefully, image, jpeg))


def decode_carefully(image: Image.Image, jpeg: Jpeg) -> Tensor:
    """Decode a JPEG that a fast decoder refused, or refuse it as damaged; see `decode_image`."""
    by_pillow = partial(decode_with_pillow, image, jpeg.scale_denominator)
    return first_or_fallback(partial(decode_doubtful, jpeg), by_pillow)
