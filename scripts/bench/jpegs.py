"""JPEGs to send: real ones as they are, and one of them enlarged to the size of a phone's photos."""

from pathlib import Path

import numpy as np
from PIL import Image

from scripts.common.errors import CommandError
from scripts.common.example import example_image

AS_THEY_ARE = "as they are"
MAX_IMAGES = 8  # enough that no cache holds a response
NOISE = 3.0  # grey levels (standard deviation): an enlarged image without it compresses better than a camera's
QUALITY = 90


def real(given: str, folder: Path) -> list[Path]:
    """Return JPEGs as they are.

    Args:
        given: a folder of JPEGs, "" for the example image as a JPEG of 600 x 400 pixels.
        folder: where to write the example image.

    Raises:
        CommandError: there is no JPEG in the given folder.
    """
    if not given:
        path = folder / "image.jpg"
        with Image.open(example_image()) as image:
            image.convert("RGB").save(path, quality=QUALITY)
        return [path]
    found = sorted(path for path in Path(given).glob("*") if path.suffix.lower() in (".jpg", ".jpeg"))
    if not found:
        raise CommandError(f"there is no JPEG in {given}: name a folder of JPEGs with PHOTOS=, or none")
    return found[:MAX_IMAGES]


def enlarged(source: Path, megapixels: float, folder: Path) -> Path:
    """Write an image enlarged to a size, with a sensor's noise, and return its path."""
    path = folder / f"{megapixels:g}-megapixels.jpg"
    with Image.open(source) as image:
        scale = (megapixels * 1e6 / (image.width * image.height)) ** 0.5
        size = (round(image.width * scale / 8) * 8, round(image.height * scale / 8) * 8)  # as cameras have it
        pixels = np.asarray(image.convert("RGB").resize(size, Image.Resampling.BICUBIC))
    generator = np.random.default_rng(0)
    noise = generator.normal(0, NOISE, (*pixels.shape[:2], 1)).astype(np.int8)
    Image.fromarray(np.clip(pixels.astype(np.int16) + noise, 0, 255).astype(np.uint8)).save(path, quality=QUALITY)
    return path


def megapixels_of(path: Path) -> float:
    """Return the size of an image file in millions of pixels."""
    with Image.open(path) as image:
        return image.width * image.height / 1e6
