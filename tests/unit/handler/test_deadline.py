"""Work that takes too long is stopped, in whatever thread, and a neighbour's work does not count."""

import threading
import time

import pytest

from handler.deadline import TooSlow, Watched, check, deadline
from handler.decode import decode
from tests.conftest import encoded, picture


def work(seconds: float) -> None:
    """Keep this thread's CPU busy."""
    end = time.thread_time() + seconds
    while time.thread_time() < end:
        sum(range(1000))


def test_the_clock_is_looked_at_whenever_bytes_are_read() -> None:
    data = Watched(b"photo")
    with deadline(0.01):
        assert data.read(1) == b"p"
        work(0.02)
        with pytest.raises(TooSlow):
            data.read(1)
    assert data.read() == b"hoto"  # nothing is left behind


def test_a_hostile_header_is_stopped() -> None:
    """Pillow takes a time that grows with the square of the number of these segments: minutes for this file."""
    data = encoded(picture(8, 8), "JPEG")[:2] + (b"\xff\xe1\x00\x12Exif\0\0" + bytes(10)) * 1_000_000
    start = time.monotonic()
    with pytest.raises(TooSlow), deadline(0.3):
        decode(data, 1_000_000)
    assert time.monotonic() - start < 10


def test_slow_pixels_are_stopped() -> None:
    """Pillow decodes a BMP's run lengths in Python, byte by byte."""
    width = height = 2000
    header = b"BM" + (54 + 1024 + width * height * 2).to_bytes(4, "little") + bytes(4) + (1078).to_bytes(4, "little")
    info = [40, width, height, 1 | 8 << 16, 1, width * height * 2, 0, 0, 256, 0]  # 8 bits a pixel, RLE8
    data = header + b"".join(value.to_bytes(4, "little") for value in info) + bytes(1024) + b"\x01\x07" * width * height
    with pytest.raises(TooSlow), deadline(0.2):
        decode(data, 64_000_000)


def test_waiting_and_other_threads_do_not_count() -> None:
    other = threading.Thread(target=work, args=(0.2,))
    with deadline(0.1):
        other.start()
        other.join()
        check()
