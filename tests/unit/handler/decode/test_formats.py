"""Every format that is promised decodes to the same picture, and nothing else gets in."""

import struct
import zlib

import numpy as np
import pytest
import simplejpeg
import torch
from PIL import Image
from torch import Tensor

from handler import errors
from handler.decode.formats import FORMATS
from handler.decode.heic import HEIC
from handler.decode.image import decode_image
from handler.errors import Problem, RequestError
from scripts.fuzz.images import chunk
from tests.conftest import encoded, picture, stored_as

LIMIT = 64_000_000
LOSSLESS = {
    "PNG": {},
    "GIF": {},
    "BMP": {},
    "TIFF": {},
    "WEBP": {"lossless": True},
    "JPEG2000": {},
}  # fmt: skip
LOSSY = {"JPEG": {"quality": 95}, "WEBP": {"quality": 95}, "AVIF": {"quality": 95}}


def reference(image: Image.Image) -> Tensor:
    return torch.from_numpy(np.array(image.convert("RGB"))).permute(2, 0, 1)


def far(actual: Tensor, expected: Tensor) -> float:
    """Return the mean absolute difference in uint8 steps."""
    return float((actual.float() - expected.float()).abs().mean())


@pytest.mark.parametrize(("name", "options"), [*LOSSLESS.items(), *LOSSY.items()], ids=str)
def test_formats(name: str, options: dict[str, object]) -> None:
    pixels = decode_image(encoded(picture(), name, **options), LIMIT)
    assert pixels.shape == (3, 48, 64)
    assert pixels.dtype == torch.uint8
    assert far(pixels, reference(picture())) < 4  # GIF's palette and lossy coding


def test_every_decoder_is_tested() -> None:
    assert set(FORMATS) == {*LOSSLESS, *LOSSY, "MPO", *HEIC}  # test_heif.py has the last one


@pytest.mark.parametrize(
    ("mode", "name", "tolerance"),
    [
        ("CMYK", "JPEG", 12),
        ("L", "JPEG", 2),
        ("CMYK", "TIFF", 1),
        ("P", "PNG", 1),
        ("P", "BMP", 1),
        ("L", "PNG", 1),
        ("1", "PNG", 1),
        ("RGBA", "PNG", 1),
        ("LA", "PNG", 1),
        ("RGBA", "WEBP", 4),
        ("RGBA", "TIFF", 1),
    ],
)
def test_modes_decode_as_pillow_does(mode: str, name: str, tolerance: float) -> None:
    image = picture().convert(mode)
    assert far(decode_image(encoded(image, name), LIMIT), reference(image)) < tolerance


def test_progressive_jpeg() -> None:
    data = encoded(picture(), "JPEG", progressive=True)
    assert far(decode_image(data, LIMIT), reference(picture())) < 4


def test_interlaced_png_with_transparent_palette() -> None:
    image = picture().convert("P")
    image.info["transparency"] = 0
    assert far(decode_image(encoded(image, "PNG", transparency=0), LIMIT), reference(picture().convert("P"))) < 1


@pytest.mark.parametrize(
    ("name", "mode", "byte_order"), [("PNG", "I;16", "<"), ("TIFF", "I;16", "<"), ("TIFF", "I;16B", ">")]
)
def test_16_bit_grey_is_scaled_and_not_clipped(name: str, mode: str, byte_order: str) -> None:
    ramp = np.linspace(0, 65535, 64, dtype=np.uint16).astype(f"{byte_order}u2")[None].repeat(8, axis=0)
    image = Image.frombytes(mode, (64, 8), ramp.tobytes())
    pixels = decode_image(encoded(image, name), LIMIT)
    assert far(pixels[:, 0], torch.linspace(0, 255, 64).repeat(3, 1)) < 1.5


def test_16_bit_colour_png() -> None:
    """Pillow cannot write one, so this writes the three chunks by hand."""
    rows = b"".join(b"\0" + struct.pack(">6H", 65535, 0, 0, 0, 32768, 65535) for _ in range(2))
    data = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", 2, 2, 16, 2, 0, 0, 0))
    data += chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    assert decode_image(data, LIMIT)[:, 0].T.tolist() == [[255, 0, 0], [0, 128, 255]]


@pytest.mark.parametrize(
    ("size", "short_side", "decoded"),
    [
        ((1024, 768), None, (768, 1024)),
        ((1024, 768), 96, (384, 512)),  # a half leaves four times what is needed
        ((1024, 768), 97, (768, 1024)),  # it would leave less
        ((1024, 768), 48, (192, 256)),
        ((1024, 768), 24, (96, 128)),
        ((1024, 768), 1, (96, 128)),  # libjpeg knows no less than an eighth
        ((1022, 766), 24, (383, 511)),  # a quarter would leave a rest, a half does not
        ((1023, 768), 24, (768, 1023)),
    ],
)
@pytest.mark.parametrize("mode", ["RGB", "CMYK"])
def test_a_large_jpeg_is_decoded_smaller(
    size: tuple[int, int], short_side: int | None, decoded: tuple[int, int], mode: str
) -> None:
    image = picture(*size)
    pixels = decode_image(encoded(image.convert(mode), "JPEG", quality=95), LIMIT, short_side)
    assert pixels.shape == (3, *decoded)
    smaller = image.convert(mode).resize((decoded[1], decoded[0]), Image.Resampling.BOX)
    assert far(pixels, reference(smaller)) < 4


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_large_jpeg_is_upright_too(orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    pixels = decode_image(encoded(stored_as(picture(640, 480), orientation), "JPEG", exif=exif), LIMIT, 60)
    assert pixels.shape == (3, 240, 320)
    assert far(pixels, reference(picture(320, 240))) < 4


def test_a_large_jpeg_that_is_cut_off_is_damaged() -> None:
    data = encoded(picture(1024, 768), "JPEG")
    with pytest.raises(RequestError) as caught:
        decode_image(data[: len(data) // 2], LIMIT, 24)
    assert caught.value.problem is errors.DAMAGED_IMAGE


def test_a_large_jpeg_counts_all_its_pixels() -> None:
    with pytest.raises(RequestError, match="over the limit"):
        decode_image(encoded(picture(1024, 768), "JPEG"), 1024 * 768 - 1, 24)


def test_what_libjpeg_only_warns_of_is_no_damage() -> None:
    """Stray bytes before the last marker: cameras and editors write them, and every viewer shows such a photo."""
    data = encoded(picture(), "JPEG")
    odd = data[:-2] + bytes(range(1, 9)) + data[-2:]
    with pytest.raises(ValueError, match="extraneous bytes"):
        simplejpeg.decode_jpeg(odd)
    assert far(decode_image(odd, LIMIT), reference(picture())) < 4


def test_first_frame_of_an_animation() -> None:
    frames = [Image.new("RGB", (20, 10), colour) for colour in ("red", "blue")]
    for name in ("GIF", "WEBP", "TIFF", "PNG"):
        pixels = decode_image(encoded(frames[0], name, save_all=True, append_images=frames[1:]), LIMIT)
        assert pixels[0].float().mean() > 240, name
        assert pixels[2].float().mean() < 15, name


@pytest.mark.parametrize("name", ["JPEG", "PNG", "WEBP", "TIFF"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation(orientation: int, name: str) -> None:
    """A picture stored turned, with the tag that says so, decodes upright."""
    exif = Image.Exif()
    exif[0x0112] = orientation
    pixels = decode_image(encoded(stored_as(picture(), orientation), name, exif=exif), LIMIT)
    assert pixels.shape == (3, 48, 64)
    assert far(pixels, reference(picture())) < 6


def test_nonsense_orientation_leaves_the_photo_as_it_is() -> None:
    exif = Image.Exif()
    exif[0x0112] = 77
    assert decode_image(encoded(picture(), "JPEG", exif=exif), LIMIT).shape == (3, 48, 64)


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (b"just some text", errors.UNSUPPORTED_FORMAT),
        (b"\0" * 1000, errors.UNSUPPORTED_FORMAT),
        (b"%PDF-1.7", errors.UNSUPPORTED_FORMAT),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", errors.UNSUPPORTED_FORMAT),
        (encoded(picture(), "ICO"), errors.UNSUPPORTED_FORMAT),
        (encoded(picture(), "EPS"), errors.UNSUPPORTED_FORMAT),
        (encoded(picture(), "PPM"), errors.UNSUPPORTED_FORMAT),  # Pillow reads some of them a byte at a time
        (encoded(picture().convert("F"), "TIFF"), errors.UNSUPPORTED_FORMAT),
        *((encoded(picture(200, 200), name)[:-400], errors.DAMAGED_IMAGE) for name in ("JPEG", "PNG", "BMP")),
        (encoded(picture(200, 200), "GIF")[:-4000], errors.DAMAGED_IMAGE),
        (encoded(picture(200, 200), "TIFF")[:-400], errors.DAMAGED_IMAGE),
        (encoded(picture(200, 200), "WEBP")[:-100], errors.DAMAGED_IMAGE),
    ],
)
def test_what_is_no_whole_image(data: bytes, problem: Problem) -> None:
    with pytest.raises(RequestError) as caught:
        decode_image(data, LIMIT)
    assert caught.value.problem is problem
