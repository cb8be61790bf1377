"""Open every image once and record its facts; the pixels are not kept."""

import hashlib
import io
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import imagehash
import numpy as np
import pandas as pd
from PIL import Image
from tqdm import tqdm

from eda.dataset import Dataset
from eda.errors import first_line
from eda.measure.pixels import PIXEL_FACTS, pixel_facts

MEASURED_SIDE = 512
"""Longest side in pixels of the copy that brightness and sharpness are measured on. A common size makes images of
different resolutions comparable; a smaller image is not enlarged."""

WORKERS = 2
"""Decoding threads: Pillow releases the GIL while it decodes."""

EXIF_ORIENTATION = 0x0112
TIFF_WIDTH, TIFF_HEIGHT = 256, 257

TURNED_BACK = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}
"""What undoes the turn that Pillow gives to a TIFF with this orientation, but to no other format."""

UPRIGHT = {
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""The turn that EXIF asks for, of those that swap the sides."""

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
    except FileNotFoundError as error:
        reason = "no such file" if error.errno else first_line(error)
        return {**FACTS, "state": "missing", "problem": reason}
    except OSError as error:
        return {**FACTS, "state": "unreadable", "problem": error.strerror or type(error).__name__}
    found = {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
    try:
        return {**FACTS, **found, "state": "ok", **decode_facts(content)}
    except Exception as error:  # noqa: BLE001  (a decoder may raise anything on a damaged file)
        reason = first_line(error).split(" <")[0].split(" 0x")[0] or type(error).__name__
        return {**FACTS, **found, "state": "unreadable", "problem": reason}


def decode_facts(content: bytes) -> dict[str, Any]:
    """Decode and measure one image; raise whatever Pillow does if it cannot be decoded completely."""
    with Image.open(io.BytesIO(content)) as image:
        orientation = orientation_of(image)
        width, height = frame_size(image)
        image.load()
        found = {
            "format": image.format,
            "mode": image.mode,
            "stored_width": width,
            "stored_height": height,
            "orientation": orientation,
        }
        small = to_rgb(image)
    small.thumbnail((MEASURED_SIDE, MEASURED_SIDE), Image.Resampling.BICUBIC, reducing_gap=2.0)
    return {**found, "phash": str(imagehash.phash(small)), **pixel_facts(small)}


def open_image(dataset: Dataset, row: int, longest_side: int) -> Image.Image:
    """Return the image of that row in RGB in the frame of its boxes, no side longer than `longest_side` pixels.

    It is as stored, or turned as EXIF asks if `is_turned` says so.
    """
    annotated = dataset.images.loc[row, ["width", "height"]].to_list()
    with Image.open(io.BytesIO(dataset.files.read(row))) as image:
        orientation = orientation_of(image)
        turned = is_turned(orientation, frame_size(image), annotated)
        image.draft("RGB", (longest_side, longest_side))
        small = as_stored(image)
    if turned:
        small = small.transpose(UPRIGHT[orientation])
    small.thumbnail((longest_side, longest_side))
    return small


def as_stored(image: Image.Image) -> Image.Image:
    """Return an image that is not loaded yet in RGB as it is stored: Pillow turns a TIFF as its orientation asks."""
    orientation = orientation_of(image) if image.format == "TIFF" else 1
    loaded = to_rgb(image)
    return loaded.transpose(TURNED_BACK[orientation]) if orientation in TURNED_BACK else loaded


def is_turned(orientation: int, stored: Sequence[int], annotated: Sequence[int]) -> bool:
    """Return whether an image's boxes are those of the photo after the turn that EXIF asks for.

    Browsers and most programs that draw boxes show it so; the annotated width and height are then the other way round.
    """
    (width, height), (annotated_width, annotated_height) = stored, annotated
    swapped = (annotated_width, annotated_height) == (height, width)
    return orientation in UPRIGHT and width != height and swapped


def orientation_of(image: Image.Image) -> int:
    """Return the EXIF orientation of an image that is not loaded yet: 1 to 8, 1 if it has none or an invalid one."""
    try:
        orientation = image.getexif().get(EXIF_ORIENTATION, 1)
    except Exception:  # noqa: BLE001  (damaged metadata does not make the pixels unreadable)
        return 1
    return orientation if orientation in range(1, 9) else 1


def frame_size(image: Image.Image) -> tuple[int, int]:
    """Return width and height as stored of an image that is not loaded yet; Pillow turns those of a TIFF."""
    tags = getattr(image, "tag_v2", None) if image.format == "TIFF" else None
    return (int(tags[TIFF_WIDTH]), int(tags[TIFF_HEIGHT])) if tags else image.size


def upright_size(path: Path) -> tuple[int, int]:
    """Return width and height of the photo in a file after the turn that EXIF asks for; 0 and 0 if it has none."""
    try:
        with Image.open(path) as image:
            width, height = frame_size(image)
            return (height, width) if orientation_of(image) in UPRIGHT else (width, height)
    except Exception:  # noqa: BLE001  (`image_facts` reports the photo as unreadable)
        return 0, 0


def to_rgb(image: Image.Image) -> Image.Image:
    """Return an image in RGB, loaded, itself if it is; levels of more than 8 bits are scaled: Pillow would cut them."""
    image.load()
    if image.mode.startswith("I") or image.mode == "F":
        levels = np.nan_to_num(np.asarray(image).astype(np.float64))
        scaled = np.clip(levels / white_level(image.mode, float(levels.max(initial=0))), 0, 1)
        image = Image.fromarray((scaled * 255).round().astype(np.uint8))
    return image if image.mode == "RGB" else image.convert("RGB")


def white_level(mode: str, highest: float) -> float:
    """Return the level that is white: 65,535 in 16 bits; for wider modes the range that `highest` suggests."""
    if mode.startswith("I;16") or highest > 255:
        return 65535.0
    return 1.0 if mode == "F" and highest <= 1 else 255.0
