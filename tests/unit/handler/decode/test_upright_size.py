"""The size of an upright image, from its header."""

import pytest
from PIL import Image, PngImagePlugin

from handler.decode.image import decode_image, upright_size
from scripts.fuzz.images import chunk
from tests.conftest import encoded, picture, stored_as

LIMIT = 64_000_000
END = 12  # bytes of a PNG's last chunk


def exif(orientation: int) -> Image.Exif:
    found = Image.Exif()
    found[0x0112] = orientation
    return found


def behind_the_pixels(orientation: int) -> bytes:
    data = encoded(stored_as(picture(), orientation), "PNG")
    return data[:-END] + chunk(b"eXIf", exif(orientation).tobytes().removeprefix(b"Exif\0\0")) + data[-END:]


@pytest.mark.parametrize(
    "data",
    [
        *(
            encoded(stored_as(picture(), orientation), name, exif=exif(orientation))
            for name in ("JPEG", "PNG", "WEBP", "TIFF")
            for orientation in range(1, 9)
        ),
        behind_the_pixels(6),
        behind_the_pixels(3),
        *(encoded(picture(), name) for name in ("JPEG", "PNG", "GIF", "BMP")),
    ],
)
def test_it_is_that_of_the_decoded_image(data: bytes) -> None:
    assert upright_size(data, LIMIT) == decode_image(data, LIMIT).shape[:0:-1] == (64, 48)


def test_a_png_without_metadata_is_not_decoded(monkeypatch: pytest.MonkeyPatch) -> None:
    decoded: list[object] = []
    monkeypatch.setattr(PngImagePlugin.PngImageFile, "load", decoded.append)
    assert upright_size(encoded(picture(), "PNG"), LIMIT) == (64, 48)
    assert not decoded
