"""Files of kinds that are not decoded: each is a 415 that names the kind and what to send instead."""

import base64
import re
import struct
from contextlib import suppress
from io import BytesIO

import numpy as np
import pytest
import torch
from PIL import Image

from handler import errors
from handler.decode.image import decode_image
from handler.errors import RequestError
from tests.conftest import encoded, picture

LIMIT = 64_000_000
tifffile = pytest.importorskip("tifffile")
imagecodecs = pytest.importorskip("imagecodecs")
RGB = np.asarray(picture())
pytestmark = pytest.mark.filterwarnings("ignore::UserWarning:PIL")  # Pillow tells of odd metadata before it goes on


def refusal(data: bytes) -> str:
    """Return the detail of a 415."""
    with pytest.raises(RequestError) as caught:
        decode_image(data, LIMIT)
    assert caught.value.problem is errors.UNSUPPORTED_FORMAT
    return caught.value.detail


def tiff(samples: np.ndarray, **options: object) -> bytes:
    buffer = BytesIO()
    tifffile.imwrite(buffer, samples, **options)
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("data", "name"),
    [
        (tiff(RGB.astype(np.float32), photometric="rgb"), "3 x 32-bit floating-point RGB samples"),
        (tiff(RGB[..., 0], photometric="cfa"), r"1 x 8-bit CFA \(raw sensor\) samples"),
        (tiff(RGB, photometric="cielab"), "3 x 8-bit CIELab samples"),
        (tiff(RGB[..., 0].astype(np.int16), photometric="minisblack"), "1 x 16-bit signed grey samples"),
        (tiff(RGB[..., :2].astype(np.uint16), photometric="minisblack", planarconfig="contig", extrasamples=[2]),
         "2 x 16-bit grey samples, 1 of them extra"),
        (tiff(RGB, photometric="rgb", compression="jpegxl"), "3 x 8-bit RGB samples, compression 50002"),
        (tiff(RGB, photometric="rgb", byteorder=">", bigtiff=True), "a big-endian BigTIFF"),
    ],
    ids=["float RGB", "CFA", "CIELab", "signed", "grey and alpha", "JPEG XL inside", "big-endian BigTIFF"],
)  # fmt: skip
def test_a_tiff(data: bytes, name: str) -> None:
    detail = refusal(data)
    assert re.search(name, detail)
    assert "save it" in detail


def test_a_tiff_of_too_many_tags() -> None:
    whole = encoded(picture(), "TIFF")
    start = int.from_bytes(whole[4:8], "little")
    count = int.from_bytes(whole[start : start + 2], "little")
    entries = whole[start + 2 : start + 2 + 12 * count]
    entries += b"".join(struct.pack("<HHII", 40_000 + tag, 3, 1, 7) for tag in range(2000))
    directory = struct.pack("<H", count + 2000) + entries + bytes(4)
    assert "tags" in refusal(whole[:4] + struct.pack("<I", len(whole)) + whole[8:] + directory)


def test_a_tiff_that_is_cut_off_within_its_header_is_damaged() -> None:
    whole = encoded(picture(), "TIFF")
    start = int.from_bytes(whole[4:8], "little")
    for data in (whole[:start], whole[: start + 20]):
        with pytest.raises(RequestError, match="send the whole file again") as caught:
            decode_image(data, LIMIT)
        assert caught.value.problem is errors.DAMAGED_IMAGE


def bmp(bits: int, compression: int, pixels: bytes, *, colors: bytes = b"", count: int = 0) -> bytes:
    """Return a BMP of 4 x 4 pixels with masks or a palette between header and pixels."""
    header = struct.pack("<IiiHHIIiiII", 40, 4, 4, 1, bits, compression, len(pixels), 0, 0, count, 0)
    offset = 14 + len(header) + len(colors)
    return b"BM" + struct.pack("<IHHI", offset + len(pixels), 0, 0, offset) + header + colors + pixels


BLACK_AND_WHITE = b"\0\0\0\0\xff\xff\xff\0"


@pytest.mark.parametrize(
    ("data", "name"),
    [
        (bmp(16, 3, bytes(32), colors=struct.pack("<III", 0xF00, 0xF0, 0xF)), "an unusual order of its colours' bits"),
        (bmp(0, 4, encoded(picture(), "JPEG")), "a BMP with a JPEG inside"),
        (bmp(0, 5, encoded(picture(), "PNG")), "a BMP with a PNG inside"),
        (bmp(64, 0, bytes(128)), "a BMP of 64 bits a pixel"),
        (bmp(8, 0, bytes([0, 1, 0, 1] * 4), colors=BLACK_AND_WHITE, count=2), "8 bits a pixel with a palette of few"),
        (bmp(4, 0, bytes([0, 17, 0, 0] * 4), colors=BLACK_AND_WHITE, count=2), "4 bits a pixel with a palette of few"),
    ],
)
def test_a_bmp(data: bytes, name: str) -> None:
    assert name in refusal(data)


def test_jpeg_xl() -> None:
    assert refusal(imagecodecs.jpegxl_encode(RGB)).startswith("JPEG XL is not supported: convert it, such as djxl")


def jpeg2000(samples: np.ndarray, *boxes: tuple[bytes, bytes], bits: int = 8) -> bytes:
    """Return a JPEG 2000 file with more boxes in its header."""
    data: bytes = imagecodecs.jpeg2k_encode(
        samples, level=0, reversible=True, bitspersample=bits, codecformat="jp2", colorspace="SRGB"
    )
    more = b"".join(struct.pack(">I4s", 8 + len(contents), kind) + contents for kind, contents in boxes)
    start = data.index(b"jp2h") - 4
    length = int.from_bytes(data[start : start + 4], "big")
    grown = struct.pack(">I", length + len(more))
    return data[:start] + grown + data[start + 4 : start + length] + more + data[start + length :]


def definition(*channels: tuple[int, int, int]) -> tuple[bytes, bytes]:
    return b"cdef", struct.pack(">H", len(channels)) + b"".join(struct.pack(">HHH", *channel) for channel in channels)


@pytest.mark.parametrize(
    "boxes",
    [
        [definition((0, 0, 3), (1, 0, 2), (2, 0, 1))],
        [definition((2, 0, 1), (1, 0, 2), (0, 0, 3))],
        [(b"cmap", struct.pack(">HBBHBBHBB", 0, 1, 2, 0, 1, 1, 0, 1, 0))],
        [(b"pclr", struct.pack(">HBBBB", 2, 3, 7, 7, 7) + bytes(6))],
        [(b"colr", struct.pack(">BBBI", 1, 0, 0, 14))],
    ],
    ids=["BGR", "BGR, backwards", "mapping", "palette with a colour twice", "CIELab"],
)
def test_a_jpeg_2000_of_other_channels(boxes: list[tuple[bytes, bytes]]) -> None:
    assert "channels" in refusal(jpeg2000(RGB, *boxes))


@pytest.mark.parametrize("bits", [9, 10, 12, 16])
def test_a_jpeg_2000_of_wide_colours(bits: int) -> None:
    """Pillow rounds their white up to black."""
    samples = RGB.astype(np.uint16) << bits - 8
    assert "colours of more than 8 bits" in refusal(jpeg2000(samples, bits=bits))


@pytest.mark.parametrize(
    "boxes", [[definition((0, 0, 1), (1, 0, 2), (2, 0, 3))], [definition((2, 0, 3), (0, 0, 1), (1, 0, 2))]]
)
def test_a_jpeg_2000_that_defines_its_channels_as_usual(boxes: list[tuple[bytes, bytes]]) -> None:
    assert np.array_equal(decode_image(jpeg2000(RGB, *boxes), LIMIT).permute(1, 2, 0).numpy(), RGB)


@pytest.mark.parametrize("box", [b"cdef", b"cmap", b"pclr", b"colr"])
@pytest.mark.parametrize("contents", [b"", b"\0", b"\0\1\2"])
def test_a_jpeg_2000_with_a_broken_box_is_no_fault_of_the_server(box: bytes, contents: bytes) -> None:
    with suppress(RequestError):
        decode_image(jpeg2000(RGB, (box, contents)), LIMIT)


@pytest.mark.parametrize("name", ["JPEG", "PNG", "GIF", "WEBP", "BMP", "TIFF"])
@pytest.mark.parametrize(("encoding", "instead"), [("latin-1", "strict"), ("cp1252", "replace"), ("utf-8", "replace")])
def test_bytes_that_went_through_a_text_encoding(name: str, encoding: str, instead: str) -> None:
    data = encoded(Image.effect_noise((64, 48), 90).convert("RGB"), name).decode(encoding, instead).encode()
    assert "went through a text encoding" in refusal(data)
    assert "binary mode" in refusal(data)


@pytest.mark.parametrize("name", ["PNG", "GIF", "WEBP", "BMP", "TIFF"])
def test_converted_line_ends(name: str) -> None:
    data = encoded(Image.effect_noise((640, 480), 90).convert("RGB"), name).replace(b"\n", b"\r\n")
    with pytest.raises(RequestError, match=r"line ends were converted .* binary mode") as caught:
        decode_image(data, LIMIT)
    assert caught.value.problem is errors.DAMAGED_IMAGE


def test_a_png_whose_line_ends_were_converted_back() -> None:
    with pytest.raises(RequestError, match="line ends were converted"):
        decode_image(encoded(picture(), "PNG").replace(b"\r\n", b"\n"), LIMIT)


@pytest.mark.parametrize("name", ["JPEG", "PNG", "GIF", "WEBP"])
@pytest.mark.parametrize("prefix", [b"", b"data:image/png;base64,"])
def test_base64_text(name: str, prefix: bytes) -> None:
    assert "base64 text" in refusal(prefix + base64.b64encode(encoded(picture(), name)))


@pytest.mark.parametrize("name", ["BMP", "TIFF", "GIF", "WEBP"])
@pytest.mark.parametrize("color", [(195, 169, 65), (65, 169, 195), (13, 10, 7), (10, 13, 7), (239, 191, 189)])
def test_a_single_colour_is_no_text(name: str, color: tuple[int, int, int]) -> None:
    """Its bytes may be UTF-8, or CR LF."""
    pixels = decode_image(encoded(Image.new("RGB", (640, 480), color), name), LIMIT)
    assert torch.allclose(pixels.float().mean(dim=(1, 2)), torch.tensor(color, dtype=torch.float32), atol=3)
