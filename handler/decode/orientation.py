"""EXIF's orientation: how a camera was held."""

from PIL import ExifTags, Image
from torch import Tensor

from handler.decode.broken import BROKEN

SIDEWAYS = (5, 6, 7, 8)  # rows and columns change places


def orientation_of(image: Image.Image) -> int:
    """Return EXIF's orientation, 1 to 8; 1 (upright) where the EXIF data cannot be read."""
    try:
        return int(image.getexif().get(ExifTags.Base.Orientation, 1))
    except BROKEN:
        return 1


def upright(pixels: Tensor, orientation: int) -> Tensor:
    """Rotate and mirror (3, height, width) as EXIF 2.32, tag 0x0112, says."""
    if orientation in SIDEWAYS:
        pixels = pixels.transpose(1, 2)
    flips = {2: [2], 3: [1, 2], 4: [1], 6: [2], 7: [1, 2], 8: [1]}.get(orientation)
    return pixels.flip(flips) if flips else pixels
