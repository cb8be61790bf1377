"""Small files that would take much memory or time are refused before they are decoded."""

import struct
import subprocess
import sys
import zlib
from pathlib import Path

import pytest
from PIL import Image

from handler import errors
from handler.decode.image import decode_image
from handler.errors import TOO_MUCH_WORK, RequestError
from scripts.fuzz.images import chunk, endless_scans
from tests.conftest import PROJECT, encoded, picture

BOMBS = ("PNG", "JPEG", "GIF", "BMP", "WEBP")


def bomb(name: str) -> bytes:
    """Return a file of a few kB that claims 20,000 x 20,000 pixels (16,383 where the format ends there)."""
    if name == "PNG":
        header = chunk(b"IHDR", struct.pack(">IIBBBBB", 20_000, 20_000, 8, 2, 0, 0, 0))
        return b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(bytes(10**6), 9)) + chunk(b"IEND", b"")
    side = 16_383 if name == "WEBP" else 20_000
    data = bytearray(encoded(picture(64, 64), name))
    sizes = {"GIF": (6, "<H"), "BMP": (18, "<i"), "WEBP": (26, "<H")}
    if name == "JPEG":
        start = data.index(b"\xff\xc0") + 5
        data[start : start + 4] = struct.pack(">HH", side, side)
    else:
        start, form = sizes[name]
        data[start : start + 2 * struct.calcsize(form)] = struct.pack(form, side) * 2
    return bytes(data)


def test_a_jpeg_of_endless_scans_is_refused_before_it_is_decoded() -> None:
    progressive = encoded(Image.new("L", (640, 480), 90), "JPEG", progressive=True)
    assert decode_image(endless_scans(progressive, 50), 10**6).shape == (3, 480, 640)
    with pytest.raises(RequestError, match="scans, over the limit of 100") as caught:
        decode_image(endless_scans(progressive, 100), 10**6)
    assert caught.value.problem == TOO_MUCH_WORK


@pytest.mark.parametrize("name", ["AVIF", "JPEG2000"])
def test_formats_that_cost_more_memory_have_a_lower_limit(name: str) -> None:
    data = encoded(picture(64, 48), name)
    assert decode_image(data, 4 * 64 * 48).shape == (3, 48, 64)
    with pytest.raises(RequestError, match="over the limit"):
        decode_image(data, 4 * 64 * 48 - 1)


@pytest.mark.parametrize("name", BOMBS)
def test_pixel_bomb_is_refused(name: str) -> None:
    data = bomb(name)
    assert len(data) < 20_000
    with pytest.raises(RequestError, match="over the limit of 64 megapixels") as caught:
        decode_image(data, 64_000_000)
    assert caught.value.problem is errors.TOO_MANY_PIXELS


def test_pixel_bombs_cost_no_memory(tmp_path: Path) -> None:
    """In a process of its own, whose highest use of memory nothing else has raised before."""
    for name in BOMBS:
        (tmp_path / name).write_bytes(bomb(name))
    code = """
import pathlib, resource, sys
from handler.decode.image import decode_image
from handler.errors import RequestError
decode_image(pathlib.Path(sys.argv[1]).read_bytes(), 64_000_000)
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
for path in sys.argv[2:]:
    try:
        decode_image(pathlib.Path(path).read_bytes(), 64_000_000)
    except RequestError:
        continue
    raise SystemExit(f"{path} was decoded")
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""
    good = tmp_path / "good"
    good.write_bytes(encoded(picture(), "PNG"))
    command = [sys.executable, "-W", "ignore", "-c", code, str(good), *(str(tmp_path / name) for name in BOMBS)]
    result = subprocess.run(command, capture_output=True, text=True, check=True, cwd=PROJECT)
    assert int(result.stdout) < 20_000  # kB; a single one decoded would take more than 1,000,000
