"""Metadata that are broken, or large, are no reason to refuse a picture that is whole."""

import random
import struct
import subprocess
import sys
import zlib
from pathlib import Path

import pytest
import torch

from handler import errors
from handler.decode.image import decode_image
from handler.errors import RequestError
from scripts.fuzz.images import chunk
from tests.conftest import PROJECT, encoded, picture

LIMIT = 64_000_000
PNG = encoded(picture(), "PNG")
HEADER_END = 33  # bytes of the signature and IHDR
ANCILLARY = (b"pHYs", b"tEXt", b"gAMA", b"iTXt", b"eXIf", b"sRGB", b"cHRM", b"iCCP", b"zTXt", b"tIME", b"sBIT", b"acTL",
             b"fcTL", b"tRNS", b"bKGD", b"hIST", b"sPLT", b"fdAT", b"priV")  # fmt: skip
VALUES = {"none": b"", "short": b"a\0", "odd": b"\xff" * 9, "long": bytes(300)}
PLACES = {"before the pixels": HEADER_END, "behind the pixels": len(PNG) - 12}


def inserted(piece: bytes, place: int = HEADER_END) -> bytes:
    return PNG[:place] + piece + PNG[place:]


def with_wrong_checksum(piece: bytes) -> bytes:
    return piece[:-1] + bytes([piece[-1] ^ 1])


def is_picture(data: bytes) -> bool:
    return torch.equal(decode_image(data, LIMIT), decode_image(PNG, LIMIT))


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("kind", ANCILLARY, ids=bytes.decode)
def test_a_wrong_checksum_of_an_ancillary_chunk(kind: bytes, place: str) -> None:
    for value in VALUES.values():
        assert is_picture(inserted(with_wrong_checksum(chunk(kind, value)), PLACES[place]))


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("value", VALUES)
@pytest.mark.parametrize("kind", ANCILLARY, ids=bytes.decode)
def test_a_bad_value_of_an_ancillary_chunk(kind: bytes, value: str, place: str) -> None:
    assert is_picture(inserted(chunk(kind, VALUES[value]), PLACES[place]))


@pytest.mark.parametrize(
    "large",
    [
        chunk(b"iCCP", b"p\0\0" + zlib.compress(random.Random(1).randbytes(1_200_000))),
        chunk(b"zTXt", b"workflow\0\0" + zlib.compress(b"{'node': 12345} " * 80_000)),
        chunk(b"iTXt", b"workflow\0\1\0\0\0" + zlib.compress(b"{'node': 12345} " * 80_000)),
        chunk(b"tEXt", b"workflow\0" + b"{'node': 12345} " * 80_000),
        chunk(b"eXIf", b"II*\0" + bytes(1_200_000)),
        chunk(b"priV", bytes(1_200_000)),
        chunk(b"tEXt", b"a\0b") * 50_000,
    ],
    ids=["iCCP", "zTXt", "iTXt", "tEXt", "eXIf", "private", "many"],
)
def test_large_metadata(large: bytes) -> None:
    assert is_picture(inserted(large))


@pytest.mark.parametrize("kind", [b"IHDR", b"PLTE"], ids=bytes.decode)
def test_a_wrong_checksum_of_a_critical_chunk_is_damage(kind: bytes) -> None:
    data = encoded(picture().convert("P"), "PNG")
    start = data.index(kind) - 4
    end = start + 12 + int.from_bytes(data[start : start + 4], "big")
    with pytest.raises(RequestError) as caught:
        decode_image(data[:start] + with_wrong_checksum(data[start:end]) + data[end:], LIMIT)
    assert caught.value.problem is errors.DAMAGED_IMAGE


def test_an_animation_shows_its_first_picture() -> None:
    data = encoded(picture(), "PNG", save_all=True, append_images=[picture().rotate(180)])
    assert b"fdAT" in data
    assert is_picture(data)


def test_bombs_in_metadata_cost_no_memory(tmp_path: Path) -> None:
    """In a process of its own, whose highest use of memory nothing else has raised before."""
    zeros = zlib.compress(bytes(50_000_000), 9)
    bombs = (b"iCCP", b"p\0\0"), (b"zTXt", b"a\0\0"), (b"iTXt", b"a\0\1\0\0\0")
    for kind, start in bombs:
        (tmp_path / kind.decode()).write_bytes(inserted(chunk(kind, start + zeros)))
    code = """
import pathlib, resource, sys
from handler.decode.image import decode_image
decode_image(pathlib.Path(sys.argv[1]).read_bytes(), 64_000_000)
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
for path in sys.argv[2:]:
    decode_image(pathlib.Path(path).read_bytes(), 64_000_000)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""
    good = tmp_path / "good"
    good.write_bytes(PNG)
    command = [sys.executable, "-c", code, str(good), *(str(tmp_path / kind.decode()) for kind, _ in bombs)]
    result = subprocess.run(command, capture_output=True, text=True, check=True, cwd=PROJECT)
    assert int(result.stdout) < 20_000  # kB; a single one inflated takes 50,000


def jpeg_segment(marker: int, contents: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, marker, len(contents) + 2) + contents


def riff_chunk(kind: bytes, contents: bytes) -> bytes:
    return kind + struct.pack("<I", len(contents)) + contents + bytes(len(contents) % 2)


JPEG_BEGINNINGS = (b"", b"JFIF\0", b"Exif\0\0", b"Exif\0\0II*\0", b"ICC_PROFILE\0", b"MPF\0", b"Photoshop 3.0\0",
                   b"Photoshop 3.0\08BIM", b"http://ns.adobe.com/xap/1.0/\0")  # fmt: skip


@pytest.mark.filterwarnings("ignore::UserWarning:PIL")  # Pillow tells of odd metadata before it goes on
@pytest.mark.parametrize("beginning", JPEG_BEGINNINGS)
@pytest.mark.parametrize("marker", [0xE0, 0xE1, 0xE2, 0xE5, 0xED, 0xFE])
def test_broken_segments_of_a_jpeg(marker: int, beginning: bytes) -> None:
    whole = encoded(picture(), "JPEG")
    chance = random.Random(marker)
    for length in (0, 1, 2, 5, 30, 300):
        data = whole[:2] + jpeg_segment(marker, beginning + chance.randbytes(length)) + whole[2:]
        assert torch.equal(decode_image(data, LIMIT), decode_image(whole, LIMIT))


@pytest.mark.filterwarnings("ignore::UserWarning:PIL")
@pytest.mark.parametrize("kind", [b"EXIF", b"ICCP", b"XMP "], ids=bytes.decode)
def test_broken_chunks_of_a_webp(kind: bytes) -> None:
    simple = encoded(picture(), "WEBP")
    flag = {b"EXIF": 8, b"ICCP": 32, b"XMP ": 4}[kind]
    for contents in (b"", b"x", b"Exif\0\0MM\0*\0\0\0\x08\0\x02", b"\xff" * 300):
        header = riff_chunk(b"VP8X", struct.pack("<I", flag) + struct.pack("<I", 63)[:3] + struct.pack("<I", 47)[:3])
        parts = [header, simple[12:], riff_chunk(kind, contents)]
        if kind == b"ICCP":
            parts[1:] = reversed(parts[1:])
        body = b"WEBP" + b"".join(parts)
        data = b"RIFF" + struct.pack("<I", len(body)) + body
        assert torch.equal(decode_image(data, LIMIT), decode_image(simple, LIMIT))


@pytest.mark.filterwarnings("ignore::UserWarning:PIL")
@pytest.mark.parametrize("kind", range(1, 14))
def test_an_xmp_tag_of_any_type_in_a_tiff(kind: int) -> None:
    """Pillow looks in it for an orientation, as if it were bytes."""
    whole = encoded(picture(), "TIFF")
    start = int.from_bytes(whole[4:8], "little")
    count = int.from_bytes(whole[start : start + 2], "little")
    entries = [whole[start + 2 + 12 * index : start + 14 + 12 * index] for index in range(count)]
    entries = sorted(
        [*entries, struct.pack("<HHII", 700, kind, 4, 8)], key=lambda entry: struct.unpack("<H", entry[:2])
    )
    directory = struct.pack("<H", len(entries)) + b"".join(entries) + bytes(4)
    data = whole[:4] + struct.pack("<I", len(whole)) + whole[8:] + directory
    assert torch.equal(decode_image(data, LIMIT), decode_image(whole, LIMIT))
