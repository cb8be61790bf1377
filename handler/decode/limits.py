"""What an image may cost: pixels and scans. `deadline` limits the time."""

from typing import Final

import numpy as np
from PIL import Image

from handler.decode.markers import count_scans
from handler.errors import TOO_MANY_PIXELS, TOO_MUCH_WORK, RequestError

# Their decoders take some 20 bytes a pixel, where others take 3 or 4: their limit is a quarter of the pixels.
COSTLY: Final = ("AVIF", "JPEG2000", "HEIF")
START_OF_SCAN = (0xFF, 0xDA)  # never within a JPEG's compressed pixels
# A progressive JPEG has about ten scans, and a thumbnail or a second picture its own. A hostile one repeats a scan of a
# hundred bytes over the whole picture, and no deadline interrupts libjpeg while it works.
MAX_SCANS = 100


def check_pixels(image: Image.Image, max_pixels: int) -> None:
    """Check the size that the header states, before a pixel is decoded.

    Raises:
        RequestError: too-many-pixels.
    """
    width, height = image.size
    if image.format in COSTLY:
        max_pixels //= 4
    if width * height > max_pixels:
        raise RequestError(
            TOO_MANY_PIXELS,
            f"{width} x {height} pixels are over the limit of {max_pixels / 1e6:g} megapixels: "
            "send a smaller copy (the model looks at a few hundred pixels a side)",
        )


def check_scans(data: bytes) -> None:
    """Check how often a JPEG makes its decoder go over the picture.

    Raises:
        RequestError: too-much-work.
    """
    # Its markers are only gone through where all of its bytes, with a thumbnail or a film behind, look like too many.
    if _max_scans(data) > MAX_SCANS and count_scans(data, MAX_SCANS + 1) > MAX_SCANS:
        raise RequestError(
            TOO_MUCH_WORK, f"the JPEG has {MAX_SCANS + 1} or more scans, over the limit of {MAX_SCANS}: save it anew"
        )


def _max_scans(data: bytes) -> int:
    """Return how many scans a JPEG has at most; four times as fast as bytes.count, which takes 0.1 ms an image."""
    first, second = START_OF_SCAN
    values = np.frombuffer(data, np.uint8)
    return int(np.count_nonzero(values[1:][values[:-1] == first] == second))
