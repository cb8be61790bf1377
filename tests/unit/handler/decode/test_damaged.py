"""Thousands of damaged files of every format: each is a photo or an error of the table, and the process lives on."""

import base64
import random

import pytest
from PIL import Image

from handler.decode.image import decode_image
from handler.errors import RequestError
from tests.conftest import encoded, picture
from tests.unit.handler.decode.heif_files import avif, heic
from tests.unit.handler.decode.test_jpeg import ARITHMETIC

PHOTO = picture(150, 100)
WHOLE = {
    "JPEG": encoded(PHOTO, "JPEG"),
    "progressive JPEG": encoded(PHOTO, "JPEG", progressive=True),
    "CMYK JPEG": encoded(PHOTO.convert("CMYK"), "JPEG"),
    "PNG": encoded(PHOTO, "PNG"),
    "palette PNG": encoded(PHOTO.convert("P"), "PNG"),  # torchvision's decoder crashed on these
    "WebP": encoded(PHOTO, "WEBP"),
    "lossless WebP": encoded(PHOTO, "WEBP", lossless=True),
    "animated WebP": encoded(PHOTO, "WEBP", save_all=True, append_images=[PHOTO.rotate(90)] * 2),
    "GIF": encoded(PHOTO, "GIF"),
    "animated GIF": encoded(PHOTO, "GIF", save_all=True, append_images=[PHOTO.rotate(90)] * 2),
    "BMP": encoded(PHOTO, "BMP"),
    "TIFF": encoded(PHOTO, "TIFF"),
    "LZW TIFF": encoded(PHOTO, "TIFF", compression="tiff_lzw"),
    "JPEG TIFF": encoded(PHOTO, "TIFF", compression="jpeg"),
    "AVIF": encoded(PHOTO, "AVIF"),
    "JPEG 2000": encoded(PHOTO, "JPEG2000"),
    "grey TIFF of 16 bits": encoded(PHOTO.convert("I;16"), "TIFF", compression="tiff_adobe_deflate"),
}
# Smaller ones, and one that is refused as it is.
OTHERS = {
    "arithmetic JPEG": base64.b85decode(ARITHMETIC["progressive"]),
    "cropped AVIF": avif(b"clap", bytes(32)),
    "turned AVIF": avif(b"irot", b"\1"),
    "HEIC": heic(),
}


def damaged(whole: bytes, chance: random.Random) -> bytes:
    """Return a file that is cut off, or has bytes changed, most of them near its beginning where headers lie."""
    if chance.random() < 0.3:
        return whole[: chance.randrange(len(whole))]
    data = bytearray(whole)
    for _ in range(chance.choice((1, 2, 5, 30))):
        data[chance.randrange(min(len(data), chance.choice((30, 200, len(data)))))] = chance.randrange(256)
    return bytes(data)


@pytest.mark.filterwarnings("ignore::UserWarning:PIL")  # Pillow tells of odd metadata before it goes on
@pytest.mark.parametrize("name", [*WHOLE, *OTHERS])
def test_damaged_files(name: str) -> None:
    whole, chance, refused = (WHOLE | OTHERS)[name], random.Random(name), []
    for _ in range(150):
        try:
            pixels = decode_image(damaged(whole, chance), 4_000_000)
        except RequestError as error:
            refused.append(error.problem.status)
        else:
            assert pixels.shape[0] == 3
    assert set(refused) <= {413, 415, 422}
    assert len(refused) > 30  # the damage is real


@pytest.mark.parametrize("name", WHOLE)
def test_whole_files(name: str) -> None:
    assert decode_image(WHOLE[name], 4_000_000).shape == (3, 100, 150)


def test_exif_behind_the_pixels_of_a_png() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    data = encoded(PHOTO, "PNG", exif=exif)
    start = data.index(b"eXIf") - 4
    length = 12 + int.from_bytes(data[start : start + 4], "big")
    moved = data[:start] + data[start + length : -12] + data[start : start + length] + data[-12:]
    assert decode_image(moved, 4_000_000).shape == (3, 150, 100)
