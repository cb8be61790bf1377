"""What the pixels of one image say about its quality."""

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageChops
from scipy import ndimage

BORDER_DEVIATION = 2.0
"""Levels of 255. A row or column of pixels with a smaller standard deviation is near-constant."""

BORDER_STEP = 6.0
"""Levels of 255. The mean of a near-constant line differs from the outermost line's by at most this, so that a smooth
sky, which gets brighter from line to line, is no border."""

PIXEL_FACTS = (
    "brightness",
    "contrast",
    "sharpness",
    "luma_p1",
    "luma_p5",
    "luma_p99",
    "entropy",
    "colour",
    "border",
)


def pixel_facts(image: Image.Image) -> dict[str, float]:
    """Measure an RGB image; the keys are PIXEL_FACTS.

    brightness, contrast: mean and standard deviation of luma (ITU-R 601-2), both 0-1
    sharpness: variance of the Laplacian of luma (0-255) (Pech-Pacheco 2000); higher is sharper
    luma_p1, luma_p5, luma_p99: percentiles of luma, 0-1
    entropy: bits, Shannon's, of the histogram of all three channels (`PIL.Image.Image.entropy`), 0 to 9.6
    colour: 99th percentile of the pixels' largest difference between channels, 0-1; 0 is grey
    border: share of the image in near-constant rows and columns along its edges, 0-1
    """
    grey = image.convert("L")
    luma = np.asarray(grey, dtype=np.float32)
    p1, p5, p99 = histogram_percentiles(grey, (1, 5, 99)) / 255
    red, green, blue = image.split()
    highest = ImageChops.lighter(ImageChops.lighter(red, green), blue)
    lowest = ImageChops.darker(ImageChops.darker(red, green), blue)
    (colour,) = histogram_percentiles(ImageChops.subtract(highest, lowest), (99,)) / 255
    return {
        "brightness": float(luma.mean() / 255),
        "contrast": float(luma.std() / 255),
        "sharpness": float(ndimage.laplace(luma).var()),
        "luma_p1": float(p1),
        "luma_p5": float(p5),
        "luma_p99": float(p99),
        "entropy": image.entropy(),
        "colour": float(colour),
        "border": border_share(luma),
    }


def histogram_percentiles(channel: Image.Image, percentiles: tuple[int, ...]) -> npt.NDArray[np.int64]:
    """Return the lowest levels (0-255) at or under which at least these percentages of an 8-bit channel lie."""
    cumulative = np.cumsum(channel.histogram())
    return np.asarray(np.searchsorted(cumulative, np.array(percentiles) / 100 * cumulative[-1]), dtype=np.int64)


def border_share(grey: npt.NDArray[np.float32]) -> float:
    """Return the share of an image (luma 0-255, shape (h, w)) in near-constant rows and columns along its edges."""
    height, width = grey.shape
    rows = np.array([border_lines(grey), border_lines(grey[::-1])])
    # Columns are measured between the horizontal bars, which would otherwise end every column's run.
    inner = grey[rows[0] : height - rows[1]] if rows.sum() < height else grey
    columns = np.array([border_lines(inner.T), border_lines(inner.T[::-1])])
    kept = max(0, height - rows.sum()) * max(0, width - columns.sum())
    return float(1 - kept / (height * width))


def border_lines(grey: npt.NDArray[np.float32]) -> int:
    """Return how many of the first rows are near-constant and of one level."""
    level = grey.mean(axis=1)
    same = (grey.std(axis=1) < BORDER_DEVIATION) & (np.abs(level - level[0]) <= BORDER_STEP)
    return int(len(same) if same.all() else np.argmin(same))
