"""One image, decoded in the calling thread."""

from functools import partial

from PIL import Image
from torch import Tensor

from handler.decode.fallback import first_or_fallback
from handler.decode.formats import open_image
from handler.decode.jpeg import decode_jpeg, read_jpeg, scale_denominator
from handler.decode.pillow import decode_with_pillow


def decode_image(data: bytes, max_pixels: int, short_side: int | None = None) -> Tensor:
    """Decode one image: its first frame, upright, without alpha.

    Args:
        data: the encoded image.
        max_pixels: most pixels it may have; a quarter of it for AVIF and JPEG 2000.
        short_side: pixels that its short side will be resized to, so that a large JPEG may be decoded smaller; None
            decodes it as it is.

    Returns:
        uint8 RGB tensor of shape (3, height, width).

    Raises:
        RequestError: unsupported-format, too-many-pixels (before anything is decoded), too-much-work or damaged-image.
    """
    return decode_opened(open_image(data, max_pixels), data, short_side)


def decode_opened(image: Image.Image, data: bytes, short_side: int | None) -> Tensor:
    """Decode an image whose header was read; see `decode_image`."""
    jpeg = read_jpeg(image, data, short_side)
    by_pillow = partial(decode_safely, image, short_side)
    return first_or_fallback(partial(decode_jpeg, jpeg), by_pillow) if jpeg else by_pillow()


def decode_safely(image: Image.Image, short_side: int | None) -> Tensor:
    """Decode an image whose header was read with Pillow alone; see `decode_image`."""
    return decode_with_pillow(image, scale_denominator(*image.size, short_side))
