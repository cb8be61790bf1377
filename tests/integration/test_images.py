"""Every kind of image over HTTP."""

import pytest
import requests
from PIL import Image

from scripts.common.example import example_image
from tests.conftest import encoded, stored_as
from tests.integration.test_inference import top_1


@pytest.mark.parametrize("name", ["JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF", "JPEG2000"])
def test_image_formats(classify: str, name: str) -> None:
    data = encoded(Image.open(example_image()).convert("RGB"), name)
    assert top_1(requests.post(classify, data=data))["label"] == "espresso"


@pytest.mark.parametrize("mode", ["CMYK", "P", "RGBA", "progressive"])
def test_image_modes(classify: str, mode: str) -> None:
    image = Image.open(example_image())
    data = {
        "CMYK": lambda: encoded(image.convert("CMYK"), "JPEG"),
        "P": lambda: encoded(image.convert("P", palette=Image.Palette.ADAPTIVE), "PNG"),
        "RGBA": lambda: encoded(image.convert("RGBA"), "PNG"),
        "progressive": lambda: encoded(image, "JPEG", progressive=True),
    }[mode]()
    assert top_1(requests.post(classify, data=data))["label"] == "espresso"


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation(classify: str, orientation: int) -> None:
    upright = Image.open(example_image()).convert("RGB")
    exif = Image.Exif()
    exif[0x0112] = orientation
    turned = encoded(stored_as(upright, orientation), "PNG", exif=exif)
    assert requests.post(classify, data=turned).json() == requests.post(classify, data=encoded(upright, "PNG")).json()
