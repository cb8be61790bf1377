"""JPEGs from the field: what every viewer shows decodes, what lost its pixels is refused, and the reason is named."""

import base64
import struct
import time
from collections.abc import Callable
from io import BytesIO

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from handler import errors
from handler.decode.doubtful import MAX_STRAY
from handler.decode.image import decode_image
from handler.decode.limits import MAX_SCANS, check_scans
from handler.errors import RequestError
from tests.conftest import encoded

LIMIT = 64_000_000
SIDE = 160
# A grey disc of 16 x 16 pixels, recoded with arithmetic coding by libjpeg-turbo's jpegtran without any loss.
HUFFMAN = encoded(Image.radial_gradient("L").resize((16, 16)), "JPEG", quality=50, optimize=True)
ARITHMETIC = {
    "sequential": "|JeWF01!$>Nk#wx0RR9200961|JwjV01yid4h#wq4h;?x5fBp?C>j_R78o%jB^@X_Gd(;xGdMRuNL)@pL{~*OI8bd-S6^ah"
    "XlFi6ad~iLcwA*?WB<tj3kU!Z01yEI5di<p00saM5C#9*00;pA002J#&M#C2SkC}nOGfDfLMhW0lqETr5@XFDfffJR",
    "progressive": "|JeWF01!$>Nk#wx0RR9200961|JwjV01yid4h#wq4h;?x5fBp?C>j_R78o%jB^@X_Gd(;xGdMRuNL)@pL{~*OI8bd-S6^a"
    "hXlFi6ad~iLcwA*?WB<wk3kU!Z01yEI5di<p00aOK|Jncu0RaF200F`O%m4%s1^?Or2mt{A0R;jzMqgh+-Z6mx%m4%s1^?Or2mt{A20sG8|I7dc5"
    "C#9*00;pA00BQC!+fozI{(@L2mt{A000p1|I7dc5C#9*00;pA00BP`UVr`Xp#Rw",
}


def textured(mode: str = "RGB") -> Image.Image:
    """Return a picture that needs many bits a block, as a photo does."""
    noise = np.random.default_rng(1).integers(0, 256, (SIDE // 4, SIDE // 4, 3), np.uint8)
    return Image.fromarray(noise).resize((SIDE, SIDE), Image.Resampling.BICUBIC).convert(mode)


FORMS = {
    "baseline": encoded(textured(), "JPEG", quality=90),
    "grey": encoded(textured("L"), "JPEG", quality=90),
    "progressive": encoded(textured(), "JPEG", quality=90, progressive=True),
    "with restarts": encoded(textured(), "JPEG", quality=90, restart_marker_rows=1),
    "CMYK": encoded(textured("CMYK"), "JPEG", quality=90),
}


def decoded(data: bytes) -> Tensor:
    return decode_image(data, LIMIT)


def segment(marker: int, contents: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, marker, len(contents) + 2) + contents


def behind_header(data: bytes) -> int:
    """Return where the first quantisation table begins."""
    return data.index(b"\xff\xdb")


Change = Callable[[bytes], bytes]

HARMLESS: dict[str, Change] = {
    "without its end marker": lambda data: data[:-2],
    "with half of its end marker": lambda data: data[:-1],
    "with zeros for its end marker": lambda data: data[:-2] + bytes(5000),
    "with a film behind its end": lambda data: data + b"MotionPhoto_Data" + b"\xff\xda\xff\xd9" * 5000,
    "with stray bytes before its end marker": lambda data: data[:-2] + bytes(range(1, 1 + MAX_STRAY)) + data[-2:],
    "with padding before its end marker": lambda data: data[:-2] + bytes(3000) + data[-2:],
    "with stray bytes in its header": lambda data: data[: behind_header(data)] + b"stray" + data[behind_header(data) :],
    "with stray bytes and without its end": lambda data: (
        data[: behind_header(data)] + b"stray" + data[behind_header(data) : -2]
    ),
    "with an odd JFIF version": lambda data: data[:2] + segment(0xE0, b"JFIF\0\7\7" + bytes(7)) + data[2:],
    "with a short JFIF segment": lambda data: data[:2] + segment(0xE0, b"JFIF\0\1") + data[2:],
    "with a broken colour profile": lambda data: data[:2] + segment(0xE2, b"ICC_PROFILE\0") + data[2:],
    "with a colour profile out of order": lambda data: data[:2] + segment(0xE2, b"ICC_PROFILE\0\7\2abc") + data[2:],
    "with scans in a segment": lambda data: data[:2] + segment(0xE5, b"\xff\xda" * 200) + data[2:],
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("kind", HARMLESS)
def test_a_harmless_oddity_changes_no_pixel(kind: str, form: str) -> None:
    whole = FORMS[form]
    assert torch.equal(decoded(HARMLESS[kind](whole)), decoded(whole))


def without_the_middle(data: bytes) -> bytes:
    return data[: len(data) // 2] + data[len(data) // 2 + 1000 :]


CORRUPT: dict[str, Change] = {
    "cut off": lambda data: data[: len(data) // 2],
    "cut off, with an end marker": lambda data: data[: len(data) // 2] + b"\xff\xd9",
    "without its last byte of pixels": lambda data: data[:-3] + b"\xff\xd9",
    "1,000 bytes short": without_the_middle,
    "1,000 bytes short, with stray bytes in its header": lambda data: without_the_middle(
        data[: behind_header(data)] + b"stray" + data[behind_header(data) :]
    ),
    "with converted line ends": lambda data: data.replace(b"\n", b"\r\n"),
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("kind", CORRUPT)
def test_lost_pixels_are_damage(kind: str, form: str) -> None:
    with pytest.raises(RequestError) as caught:
        decoded(CORRUPT[kind](FORMS[form]))
    assert caught.value.problem is errors.DAMAGED_IMAGE


def test_converted_line_ends_are_named() -> None:
    with pytest.raises(RequestError, match=r"line ends were converted .* binary mode"):
        decoded(CORRUPT["with converted line ends"](FORMS["baseline"]))


def test_a_progressive_jpeg_without_its_last_scan_is_damaged() -> None:
    data = FORMS["progressive"]
    with pytest.raises(RequestError, match="cut off"):
        decoded(data[: data.rindex(b"\xff\xda")])


def test_many_stray_bytes_within_the_pixels_are_damage() -> None:
    """A desynchronised scan leaves a rest, which nothing but its length tells from stray bytes."""
    data = FORMS["baseline"]
    rest = np.random.default_rng(2).integers(0, 255, 10 * MAX_STRAY, np.uint8).tobytes()
    with pytest.raises(RequestError, match="extraneous bytes"):
        decoded(data[:-2] + rest + data[-2:])


@pytest.mark.parametrize("photo", range(0, 20, 4))
@pytest.mark.parametrize("kind", ["1,000 bytes short", "with converted line ends"])
def test_photos_that_lost_pixels(kind: str, photo: int, coco_photos: list[object]) -> None:
    buffer = BytesIO()
    Image.open(str(coco_photos[photo])).convert("RGB").save(buffer, "JPEG", quality=90)
    with pytest.raises(RequestError) as caught:
        decoded(CORRUPT[kind](buffer.getvalue()))
    assert caught.value.problem is errors.DAMAGED_IMAGE


def patched(offset: int, value: bytes) -> bytes:
    """Return the baseline JPEG with other bytes at a place of its frame header."""
    data = FORMS["baseline"]
    start = data.index(b"\xff\xc0") + offset
    return data[:start] + value + data[start + len(value) :]


def dnl() -> bytes:
    data = patched(5, b"\0\0")
    return data[:-2] + b"\xff\xdc" + struct.pack(">HH", 4, SIDE) + data[-2:]


@pytest.mark.parametrize(
    ("data", "name"),
    [
        (patched(4, b"\x0c"), "a JPEG of 12 bits a sample"),
        (patched(1, b"\xc1").replace(b"\xff\xc1\0\x11\x08", b"\xff\xc1\0\x11\x0c"), "a JPEG of 12 bits a sample"),
        (patched(1, b"\xf7"), "a JPEG-LS file"),
        (patched(1, b"\xc5"), "a hierarchical JPEG"),
        (patched(1, b"\xc6"), "a hierarchical JPEG"),
        (dnl(), r"its height behind its pixels \(DNL\)"),
    ],
)
def test_a_kind_that_is_not_decoded_is_named(data: bytes, name: str) -> None:
    with pytest.raises(RequestError, match=rf"{name} is not supported: save it as") as caught:
        decoded(data)
    assert caught.value.problem is errors.UNSUPPORTED_FORMAT


@pytest.mark.parametrize("bits", [8, 12])
def test_jpeg_ls(bits: int) -> None:
    imagecodecs = pytest.importorskip("imagecodecs")
    samples = np.asarray(textured("L")).astype(np.uint8 if bits == 8 else np.uint16)
    with pytest.raises(RequestError, match="JPEG-LS file is not supported"):
        decoded(imagecodecs.jpegls_encode(samples))


@pytest.mark.parametrize("form", ARITHMETIC)
def test_arithmetic_coding(form: str) -> None:
    assert torch.equal(decoded(base64.b85decode(ARITHMETIC[form])), decoded(HUFFMAN))


def test_a_lossless_jpeg() -> None:
    imagecodecs = pytest.importorskip("imagecodecs")
    samples = np.asarray(textured())
    found = decoded(imagecodecs.jpeg8_encode(samples, lossless=True))
    assert np.array_equal(found.permute(1, 2, 0).numpy(), samples)


def test_the_scans_of_a_photo_are_counted_in_no_time() -> None:
    data = encoded(Image.effect_noise((640, 480), 60), "JPEG", quality=90)
    assert len(data) > 100_000
    start = time.process_time()
    for _ in range(50):
        check_scans(data)
    assert time.process_time() - start < 50 * 0.001  # 0.03 ms each on the machine that this was written on


@pytest.mark.parametrize("behind", [b"", b"\xff\xd9", b"\xff\xff\xd9"])
def test_hidden_scans_are_found(behind: bytes) -> None:
    """A marker of the end within a segment, or behind the scans, hides none of them."""
    data = FORMS["progressive"]
    last = data[data.rindex(b"\xff\xda") : -2]
    hostile = data[:2] + segment(0xE5, behind) + data[2:-2] + last * MAX_SCANS + data[-2:]
    with pytest.raises(RequestError, match="scans, over the limit") as caught:
        decoded(hostile)
    assert caught.value.problem is errors.TOO_MUCH_WORK
