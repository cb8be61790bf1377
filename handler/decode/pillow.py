"""Pixels by Pillow: every format but JPEG, and the JPEGs that libjpeg-turbo alone cannot judge."""

import logging

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from handler.decode.broken import BROKEN
from handler.decode.orientation import orientation_of, upright
from handler.decode.tiff import is_inverted, significant_bits
from handler.errors import DAMAGED_IMAGE, RequestError, is_out_of_memory

logger = logging.getLogger(__name__)


def decode_with_pillow(image: Image.Image, scale_denominator: int = 1) -> Tensor:
    """Decode the pixels of an image whose header was read: its first frame, upright, without alpha.

    Args:
        image: the opened image.
        scale_denominator: how many times smaller to decode a JPEG on each side; other formats ignore it.

    Returns:
        uint8 RGB tensor of shape (3, height, width).

    Raises:
        RequestError: damaged-image.
    """
    try:
        if scale_denominator > 1:
            image.draft(None, (image.width // scale_denominator, image.height // scale_denominator))
        return upright(_pixels(image), orientation_of(image))
    except BROKEN as error:
        if is_out_of_memory(error):
            raise
        logger.info("a damaged %s image: %r", image.format, error)
        raise RequestError(
            DAMAGED_IMAGE, f"the {image.format} image is cut off or broken: send the whole file again"
        ) from error


def _pixels(image: Image.Image) -> Tensor:
    if image.mode.startswith("I;16"):
        # Pillow's own conversion clips 16-bit grey to white instead of scaling it.
        wide = torch.frombuffer(bytearray(image.convert("I").tobytes()), dtype=torch.int32)
        grey = (wide >> significant_bits(image) - 8).to(torch.uint8).reshape(1, image.height, image.width)
        return (255 - grey if is_inverted(image) else grey).expand(3, -1, -1)
    if image.mode == "La":  # grey with premultiplied alpha
        image = image.convert("LA")
    return channels_first(np.array(image.convert("RGB")))


def channels_first(pixels: np.ndarray) -> Tensor:
    """Return (height, width, 3) as (3, height, width), which shares its memory."""
    return torch.from_numpy(pixels).permute(2, 0, 1)
