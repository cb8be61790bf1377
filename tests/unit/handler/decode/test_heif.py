"""HEIC and AVIF: any brand is known, turned and cropped as the file says, and limited before it is decoded."""

import struct
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image
from torch import Tensor

from handler import errors
from handler.decode.heic import HEIC as DECODED
from handler.decode.heif import HEVC_BRANDS
from handler.decode.image import decode_image
from handler.errors import RequestError
from tests.conftest import PROJECT, picture
from tests.unit.handler.decode.heif_files import HEIC, avif, branded, heic

LIMIT = 64_000_000
needs_pi_heif = pytest.mark.skipif(not DECODED, reason="pi-heif, of the group heic, is not installed")
MIRRORED = {0: Image.Transpose.FLIP_TOP_BOTTOM, 1: Image.Transpose.FLIP_LEFT_RIGHT}
TURNED = {0: None, 1: Image.Transpose.ROTATE_90, 2: Image.Transpose.ROTATE_180, 3: Image.Transpose.ROTATE_270}


def off(pixels: Tensor, expected: Image.Image) -> float:
    """Return the mean difference from a picture, which is small where it is the right way round."""
    assert pixels.shape[1:] == (expected.height, expected.width)
    return float(np.abs(pixels.permute(1, 2, 0).numpy().astype(int) - np.asarray(expected)).mean())


def seen(turn: Image.Transpose | None) -> Image.Image:
    return picture() if turn is None else picture().transpose(turn)


@needs_pi_heif
@pytest.mark.parametrize("quarters", TURNED)
def test_a_turned_heic(quarters: int) -> None:
    assert off(decode_image(heic(quarters), LIMIT), seen(TURNED[quarters])) < 6


@needs_pi_heif
@pytest.mark.parametrize("axis", MIRRORED)
def test_a_mirrored_heic(axis: int) -> None:
    assert off(decode_image(heic(axis, mirror=True), LIMIT), seen(MIRRORED[axis])) < 6


@needs_pi_heif
@pytest.mark.parametrize("brand", [*sorted(HEVC_BRANDS), b"mif1", b"msf1"])
def test_any_brand_of_heic(brand: bytes) -> None:
    assert decode_image(branded(heic(), brand), LIMIT).shape == (3, 48, 64)


@needs_pi_heif
@pytest.mark.parametrize("flipped", [b"Ex\xbff", b"E\xffif", b"mime", b"uri "])
def test_broken_metadata_of_a_heic(flipped: bytes) -> None:
    """pi-heif's plugin for Pillow reads them, and ends the process."""
    assert off(decode_image(heic().replace(b"Exif\0", flipped + b"\0", 1), LIMIT), picture()) < 6


@needs_pi_heif
def test_a_heic_is_counted_before_it_is_decoded() -> None:
    with pytest.raises(RequestError, match="over the limit") as caught:
        decode_image(heic(), 4 * 64 * 48 - 1)
    assert caught.value.problem is errors.TOO_MANY_PIXELS


@needs_pi_heif
@pytest.mark.parametrize("stated", [(1, 1), (64, 63), (4000, 4000)])
def test_a_heic_that_states_another_size_is_damaged(stated: tuple[int, int]) -> None:
    data = HEIC.replace(b"ispe" + struct.pack(">III", 0, 64, 64), b"ispe" + struct.pack(">III", 0, *stated))
    assert data != HEIC
    with pytest.raises(RequestError) as caught:
        decode_image(data, LIMIT)
    assert caught.value.problem.status in (415, 422)


@needs_pi_heif
def test_a_heic_that_is_cut_off_is_damaged() -> None:
    with pytest.raises(RequestError) as caught:
        decode_image(HEIC[:-100], LIMIT)
    assert caught.value.problem is errors.DAMAGED_IMAGE


@pytest.mark.parametrize("brand", [b"heic", b"heix", b"mif1", b"msf1", b"miaf"])
def test_a_heic_that_cannot_be_read_says_how_to_convert_it(brand: bytes) -> None:
    data = struct.pack(">I4s4sI8s", 24, b"ftyp", brand, 0, b"mif1heic") + bytes(2000)
    with pytest.raises(RequestError, match=r"^HEIC .* convert it") as caught:
        decode_image(data, LIMIT)
    assert caught.value.problem is errors.UNSUPPORTED_FORMAT


def test_without_pi_heif_a_heic_says_how_to_convert_it() -> None:
    code = """
import sys
sys.modules["_pi_heif"] = None
from handler.decode.image import decode_image
from handler.errors import RequestError
try:
    decode_image(sys.stdin.buffer.read(), 64_000_000)
except RequestError as error:
    print(error.problem.status, error)
"""
    for brand in (b"heic", b"mif1", b"msf1"):
        result = subprocess.run(
            [sys.executable, "-c", code], input=branded(HEIC, brand), capture_output=True, check=True, cwd=PROJECT
        )
        assert result.stdout.startswith(b"415 HEIC (HEIF) is not supported: convert it")


@pytest.mark.parametrize("quarters", TURNED)
def test_a_turned_avif(quarters: int) -> None:
    assert off(decode_image(avif(b"irot", bytes([quarters])), LIMIT), seen(TURNED[quarters])) < 6


@pytest.mark.parametrize("axis", MIRRORED)
def test_a_mirrored_avif(axis: int) -> None:
    assert off(decode_image(avif(b"imir", bytes([axis])), LIMIT), seen(MIRRORED[axis])) < 6


def aperture(width: int, height: int) -> bytes:
    return struct.pack(">8I", width, 1, height, 1, 0, 1, 0, 1)


def test_a_cropped_avif_is_refused() -> None:
    with pytest.raises(RequestError, match="AVIF with a crop") as caught:
        decode_image(avif(b"clap", aperture(32, 24)), LIMIT)
    assert caught.value.problem is errors.UNSUPPORTED_FORMAT


def test_an_avif_whose_crop_is_the_whole_picture() -> None:
    assert off(decode_image(avif(b"clap", aperture(64, 48)), LIMIT), picture()) < 6


@pytest.mark.parametrize("contents", [b"", bytes(31), struct.pack(">8I", 64, 0, 48, 0, 0, 0, 0, 0)])
def test_an_avif_with_a_broken_crop_is_refused(contents: bytes) -> None:
    with pytest.raises(RequestError) as caught:
        decode_image(avif(b"clap", contents), LIMIT)
    assert caught.value.problem.status in (415, 422)
