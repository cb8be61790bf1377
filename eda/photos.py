"""Open every photo once and write down what can be known without keeping its pixels."""

import hashlib
import io
import struct
import zlib
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import imagehash
import numpy as np
import pandas as pd
from PIL import Image
from scipy import ndimage
from tqdm import tqdm

from eda.dataset import Dataset

MEASURED_SIDE = 512
"""Longest side, pixels, of the copy that brightness and sharpness are measured on, so that they compare
between photos of different resolution (a smaller photo is not enlarged)."""

WORKERS = 2
"""Threads that decode: Pillow lets go of the interpreter while it does."""

EXIF_ORIENTATION = 0x0112

BROKEN = (OSError, SyntaxError, ValueError, EOFError, struct.error, zlib.error, Image.DecompressionBombError)
"""What Pillow raises on damaged or hostile files, by its decoders' own accounts."""

FACTS: dict[str, Any] = {
    "state": "",
    "problem": "",
    "format": "",
    "mode": "",
    "photo_width": pd.NA,
    "photo_height": pd.NA,
    "orientation": 1,
    "bytes": 0,
    "sha256": "",
    "phash": "",
    "brightness": float("nan"),
    "contrast": float("nan"),
    "sharpness": float("nan"),
}


def photo_facts(dataset: Dataset) -> pd.DataFrame:
    """Return one row of facts for each image, with the images table's row labels.

    state: "ok", "missing" or "unreadable" (then `problem` says why)
    format, mode: Pillow's names, e.g. "JPEG", "RGB"
    photo_width, photo_height: stored pixels, before any EXIF rotation; null unless ok
    orientation: EXIF orientation 1-8, 1 where absent
    sha256: of the file's bytes; phash: 64-bit perceptual hash (imagehash), hexadecimal
    brightness, contrast: mean and standard deviation of luma, both 0-1
    sharpness: variance of the Laplacian of luma (0-255) at MEASURED_SIDE (Pech-Pacheco 2000); higher is
    sharper
    """

    def one(row: int) -> dict[str, Any]:
        return facts_of(dataset, row)

    rows = [int(row) for row in dataset.images.index]
    with ThreadPoolExecutor(WORKERS) as pool:
        facts = list(tqdm(pool.map(one, rows), total=len(rows), desc="photos", unit="photo"))
    kinds = {"photo_width": "Int64", "photo_height": "Int64"}
    return pd.DataFrame(facts, index=dataset.images.index, columns=list(FACTS)).astype(kinds)


def facts_of(dataset: Dataset, row: int) -> dict[str, Any]:
    """Return the facts of one photo; a photo that is absent or damaged is a fact too."""
    try:
        content = dataset.photos.read(row)
    except FileNotFoundError:
        return {**FACTS, "state": "missing", "problem": "no such file"}
    except OSError as error:
        return {**FACTS, "state": "unreadable", "problem": error.strerror or type(error).__name__}
    found = {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
    try:
        return {**FACTS, **found, "state": "ok", **decoded_facts(content)}
    except BROKEN as error:
        reason = str(error).split(" <")[0].split(" 0x")[0] or type(error).__name__
        return {**FACTS, **found, "state": "unreadable", "problem": reason}


def decoded_facts(content: bytes) -> dict[str, Any]:
    """Decode one photo and measure it; raises one of BROKEN if it cannot be decoded whole."""
    with Image.open(io.BytesIO(content)) as photo:
        photo.load()
        found = {
            "format": photo.format,
            "mode": photo.mode,
            "photo_width": photo.width,
            "photo_height": photo.height,
            "orientation": photo.getexif().get(EXIF_ORIENTATION, 1),
        }
        grey = photo.convert("RGB").convert("L")
    grey.thumbnail((MEASURED_SIDE, MEASURED_SIDE), Image.Resampling.BICUBIC, reducing_gap=2.0)
    luma = np.asarray(grey, dtype=np.float32)
    return {
        **found,
        "phash": str(imagehash.phash(grey)),
        "brightness": float(luma.mean() / 255),
        "contrast": float(luma.std() / 255),
        "sharpness": float(ndimage.laplace(luma).var()),
    }


def open_photo(dataset: Dataset, row: int, longest_side: int) -> Image.Image:
    """Return the photo of that row in RGB, made smaller to `longest_side` pixels; for drawing."""
    with Image.open(io.BytesIO(dataset.photos.read(row))) as photo:
        photo.draft("RGB", (longest_side, longest_side))
        small = photo.convert("RGB")
    small.thumbnail((longest_side, longest_side))
    return small
