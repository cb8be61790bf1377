"""Open every image once and record its facts; the pixels are not kept."""

import hashlib
import io
import struct
import zlib
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import imagehash
import pandas as pd
from PIL import Image
from tqdm import tqdm

from eda.dataset import Dataset
from eda.measure.pixels import PIXEL_FACTS, pixel_facts

MEASURED_SIDE = 512
"""Longest side in pixels of the copy that brightness and sharpness are measured on. A common size makes images of
different resolutions comparable; a smaller image is not enlarged."""

WORKERS = 2
"""Decoding threads: Pillow releases the GIL while it decodes."""

EXIF_ORIENTATION = 0x0112

BROKEN = (OSError, SyntaxError, ValueError, EOFError, struct.error, zlib.error, Image.DecompressionBombError)
"""What Pillow's decoders raise on damaged or hostile files."""

FACTS: dict[str, Any] = {
    "state": "",
    "problem": "",
    "format": "",
    "mode": "",
    "stored_width": pd.NA,
    "stored_height": pd.NA,
    "orientation": 1,
    "bytes": 0,
    "sha256": "",
    "phash": "",
    **dict.fromkeys(PIXEL_FACTS, float("nan")),
}


def image_facts(dataset: Dataset) -> pd.DataFrame:
    """Return one row of facts for each image, with the row labels of the images table.

    state: "ok", "missing" or "unreadable"; `problem` has the reason
    format, mode: Pillow's names, e.g. "JPEG", "RGB"
    stored_width, stored_height: pixels before any EXIF rotation; null unless ok
    orientation: EXIF orientation 1-8, 1 if absent
    sha256: of the file's bytes; phash: 64-bit perceptual hash (imagehash), hexadecimal
    the columns of `eda.measure.pixels.pixel_facts`, measured at MEASURED_SIDE
    """
    rows = [int(row) for row in dataset.images.index]
    with ThreadPoolExecutor(WORKERS) as pool:
        found = pool.map(partial(facts_of_image, dataset), rows)
        facts = list(tqdm(found, total=len(rows), desc="images", unit="image"))
    kinds = {"stored_width": "Int64", "stored_height": "Int64"}
    return pd.DataFrame(facts, index=dataset.images.index, columns=list(FACTS)).astype(kinds)


def facts_of_image(dataset: Dataset, row: int) -> dict[str, Any]:
    """Return the facts of one image, which may be missing or damaged."""
    try:
        content = dataset.files.read(row)
    except FileNotFoundError:
        return {**FACTS, "state": "missing", "problem": "no such file"}
    except OSError as error:
        return {**FACTS, "state": "unreadable", "problem": error.strerror or type(error).__name__}
    found = {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
    try:
        return {**FACTS, **found, "state": "ok", **decode_facts(content)}
    except BROKEN as error:
        reason = str(error).split(" <")[0].split(" 0x")[0] or type(error).__name__
        return {**FACTS, **found, "state": "unreadable", "problem": reason}


def decode_facts(content: bytes) -> dict[str, Any]:
    """Decode and measure one image; raise one of BROKEN if it cannot be decoded completely."""
    with Image.open(io.BytesIO(content)) as image:
        image.load()
        found = {
            "format": image.format,
            "mode": image.mode,
            "stored_width": image.width,
            "stored_height": image.height,
            "orientation": image.getexif().get(EXIF_ORIENTATION, 1),
        }
        small = image.convert("RGB")
    small.thumbnail((MEASURED_SIDE, MEASURED_SIDE), Image.Resampling.BICUBIC, reducing_gap=2.0)
    return {**found, "phash": str(imagehash.phash(small)), **pixel_facts(small)}


def open_image(dataset: Dataset, row: int, longest_side: int) -> Image.Image:
    """Return the image of that row in RGB, no side longer than `longest_side` pixels."""
    with Image.open(io.BytesIO(dataset.files.read(row))) as image:
        image.draft("RGB", (longest_side, longest_side))
        small = image.convert("RGB")
    small.thumbnail((longest_side, longest_side))
    return small
