"""TIFF: the layouts that Pillow and libtiff decode rightly, and a name for the others.

Measured against tifffile: tests/unit/handler/decode/test_tiff.py has the matrix.
"""

from io import BytesIO
from typing import Final

from PIL import Image, TiffImagePlugin
from PIL.TiffImagePlugin import ImageFileDirectory_v2 as Directory

from handler.decode.broken import BROKEN

# Pillow's own reader of uncompressed files takes planes of 16 bits for planes of 8.
TiffImagePlugin.READ_LIBTIFF = True

WIDTH, BITS, COMPRESSION, PHOTOMETRIC = 256, 258, 259, 262
STRIPS, SAMPLES, PLANES, PREDICTOR, TILES, EXTRA, FORMAT = 273, 277, 284, 317, 324, 338, 339
BIGTIFF, BIG_ENDIAN_BIGTIFF = 43, b"MM\0\x2b"  # Pillow knows the second one as no TIFF
MAX_TAGS = 1000  # libtiff writes a line about each that it does not know, and a hostile file has 65,535
# None, CCITT (three), LZW, JPEG (old, new), deflate (two), PackBits, ThunderScan, LZMA, Zstandard.
COMPRESSIONS: Final = (1, 2, 3, 4, 5, 6, 7, 8, 32946, 32773, 32809, 34925, 50000)
PREDICTABLE: Final = (5, 8, 32946, 34925, 50000)  # libtiff ignores a predictor with any other compression
COLORS: Final = {
    0: "white-is-zero grey",
    1: "grey",
    2: "RGB",
    3: "palette",
    4: "mask",
    5: "CMYK",
    6: "YCbCr",
    8: "CIELab",
    9: "ICCLab",
    10: "ITULab",
    32803: "CFA (raw sensor)",
    32844: "LogL",
    32845: "LogLuv",
    34892: "linear raw",
}
FORMATS: Final = {1: "", 2: "signed ", 3: "floating-point "}


def unsupported_tiff(image: Image.Image) -> str | None:
    """Return the layout of an opened TIFF where it is not decoded rightly, or None."""
    directory: Directory = image.tag_v2  # type: ignore[attr-defined]
    if len(directory) > MAX_TAGS:
        return f"a TIFF with {len(directory)} tags"
    compression = directory.get(COMPRESSION, 1)
    extra = directory.get(EXTRA, ())
    wrong = (
        image.mode in ("I", "F", "LAB"),  # no fixed white, or no conversion to RGB
        compression not in COMPRESSIONS,
        directory.get(PREDICTOR, 1) != 1 and compression not in PREDICTABLE,
        directory.get(PLANES, 1) == 2 and len(extra) > 1 and extra[0] != 0,
    )
    return _layout(directory) if any(wrong) else None


def unopened_tiff(data: bytes) -> str | None:
    """Return the layout of a TIFF that Pillow does not open, or None where its header is cut off or broken."""
    if data.startswith(BIG_ENDIAN_BIGTIFF):
        return "a big-endian BigTIFF"
    stream = BytesIO(data)
    try:
        directory = Directory(stream.read(16 if data[2] == BIGTIFF else 8))
        stream.seek(directory.next)
        directory.load(stream)
        whole = {WIDTH, PHOTOMETRIC} <= set(directory) and {STRIPS, TILES} & set(directory)
        return _layout(directory) if whole else None
    except BROKEN:
        return None


def significant_bits(image: Image.Image) -> int:
    """Return how many bits a sample of a 16-bit grey image uses."""
    return int(image.tag_v2[BITS][0]) if image.format == "TIFF" else 16  # type: ignore[attr-defined]


def is_inverted(image: Image.Image) -> bool:
    """Whether Pillow leaves white at 0 in a 16-bit grey image."""
    return image.format == "TIFF" and image.tag_v2.get(PHOTOMETRIC) == 0  # type: ignore[attr-defined]


def _layout(directory: Directory) -> str:
    """Return the layout in words, such as `a TIFF of 3 x 10-bit RGB samples in planes`."""
    bits, form = directory.get(BITS, (1,)), directory.get(FORMAT, (1,))
    samples = directory.get(SAMPLES, len(bits))
    photometric, compression = directory.get(PHOTOMETRIC, 1), directory.get(COMPRESSION, 1)
    words = f"a TIFF of {samples} x {bits[0]}-bit {FORMATS.get(form[0], '')}"
    words += f"{COLORS.get(photometric, f'photometric-{photometric}')} samples"
    if extra := directory.get(EXTRA, ()):
        words += f", {len(extra)} of them extra"
    if directory.get(PLANES, 1) == 2:
        words += ", in planes"
    if directory.get(PREDICTOR, 1) != 1:
        words += ", with a predictor"
    return words + (f", compression {compression}" if compression != 1 else "")
