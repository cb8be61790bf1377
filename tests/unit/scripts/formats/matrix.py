"""Generated image files: formats x modes x bit depths x byte orders x layouts x orientations."""

import itertools
import struct
import zlib
from collections.abc import Iterator

import imagecodecs
import numpy as np
from PIL import Image

from scripts.fuzz.images import chunk
from tests.conftest import encoded, stored_as
from tests.unit.scripts.formats.samples import HEIGHT, WIDTH, Case, colors, of_bits, packed, shown
from tests.unit.scripts.formats.tiffs import color_tiffs, grey_tiffs, other_tiffs


def pngs() -> Iterator[Case]:
    """Every colour type and depth, with either interlacing, by hand: Pillow writes few of them."""
    picture = colors()
    alpha = np.full((HEIGHT, WIDTH, 1), 0.5)
    palette = np.random.default_rng(1).integers(0, 256, (256, 3)).astype(np.uint8)
    kinds = {0: picture[..., :1], 2: picture, 4: np.concatenate([picture[..., :1], alpha], -1),
             6: np.concatenate([picture, alpha], -1), 3: picture[..., :1]}  # fmt: skip
    depths = {0: (1, 2, 4, 8, 16), 2: (8, 16), 3: (1, 2, 4, 8), 4: (8, 16), 6: (8, 16)}
    for kind, values in kinds.items():
        for bits in depths[kind]:
            samples = of_bits(values, bits)
            rows = packed(samples, bits, align=8)
            length = len(rows) // HEIGHT
            lines = b"".join(b"\0" + rows[start : start + length] for start in range(0, len(rows), length))
            header = struct.pack(">IIBBBBB", WIDTH, HEIGHT, bits, kind, 0, 0, 0)
            data = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header)
            data += chunk(b"PLTE", palette[: 1 << bits].tobytes()) if kind == 3 else b""
            data += chunk(b"IDAT", zlib.compress(lines)) + chunk(b"IEND", b"")
            pixels = (
                palette[samples[..., 0]]
                if kind == 3
                else shown(samples[..., : 1 if kind in (0, 4) else 3] / (2**bits - 1))
            )
            yield Case(f"PNG colour type {kind}, {bits} bits", data, np.broadcast_to(pixels, (HEIGHT, WIDTH, 3)))


def bmps() -> Iterator[Case]:
    palette = np.random.default_rng(1).integers(0, 256, (256, 4)).astype(np.uint8)
    for bits, down in itertools.product((1, 4, 8), (False, True)):
        samples = of_bits(colors()[..., 0], bits)
        rows = packed(samples if down else samples[::-1], bits, align=32)
        yield Case(
            f"BMP {bits} bits {down}",
            bmp(bits, rows, palette[: 1 << bits].tobytes(), down=down),
            palette[samples][..., 2::-1],
        )
    for masks in ((0xF800, 0x7E0, 0x1F), (0x7C00, 0x3E0, 0x1F), (0xF00, 0xF0, 0xF)):
        depths = [mask.bit_count() for mask in masks]
        shifts = [(mask & -mask).bit_length() - 1 for mask in masks]
        channels = [
            of_bits(colors()[..., index], bits).astype(np.uint16) << shift
            for index, (bits, shift) in enumerate(zip(depths, shifts, strict=True))
        ]
        rows = np.bitwise_or.reduce(channels)[::-1].astype("<u2").tobytes()
        pixels = np.stack(
            [
                np.round((channel >> shift) * 255 / (2**bits - 1))
                for channel, bits, shift in zip(channels, depths, shifts, strict=True)
            ],
            -1,
        )
        yield Case(f"BMP {depths} bits", bmp(16, rows, struct.pack("<III", *masks), compression=3), pixels)
    for mode in ("RGB", "RGBA"):
        yield Case(f"BMP {mode}", encoded(Image.fromarray(shown(colors())).convert(mode), "BMP"), shown(colors()))


def bmp(bits: int, rows: bytes, table: bytes, *, compression: int = 0, down: bool = False) -> bytes:
    height = -HEIGHT if down else HEIGHT
    header = struct.pack("<IiiHHIIiiII", 40, WIDTH, height, 1, bits, compression, len(rows), 0, 0, 0, 0)
    offset = 14 + len(header) + len(table)
    return b"BM" + struct.pack("<IHHI", offset + len(rows), 0, 0, offset) + header + table + rows


def jpegs_2000() -> Iterator[Case]:
    for container, bits, channels in itertools.product(("jp2", "j2k"), (8, 10, 12, 16), (1, 2, 3, 4)):
        alpha = np.ones((HEIGHT, WIDTH, 1))
        values = {1: colors()[..., 0], 2: np.concatenate([colors()[..., :1], alpha], -1), 3: colors(),
                  4: np.concatenate([colors(), alpha], -1)}[channels]  # fmt: skip
        data = imagecodecs.jpeg2k_encode(
            of_bits(values, bits), level=0, reversible=True, bitspersample=bits, codecformat=container,
            colorspace="SRGB" if channels > 2 else "GRAY",
        )  # fmt: skip
        pixels = shown(values[..., :3] if channels > 2 else values.reshape(HEIGHT, WIDTH, -1)[..., 0])
        yield Case(f"{container} {bits} bits, {channels} channels", bytes(data), pixels)


def orientations() -> Iterator[Case]:
    picture = Image.fromarray(shown(colors()))
    for number in range(1, 9):
        exif = Image.Exif()
        exif[0x0112] = number
        for name, options, tolerance in (
            ("JPEG", {"quality": 100, "subsampling": 0}, 4),
            ("PNG", {}, 0),
            ("WEBP", {"lossless": True}, 0),
            ("TIFF", {}, 0),
            ("TIFF", {"compression": "tiff_lzw"}, 0),
            ("AVIF", {"quality": 100, "subsampling": "4:4:4"}, 4),
        ):
            data = encoded(stored_as(picture, number), name, exif=exif, **options)
            yield Case(f"{name} {options}, orientation {number}", data, np.asarray(picture), tolerance)


def modes() -> Iterator[Case]:
    for name, mode, options, tolerance in (
        ("JPEG", "L", {"quality": 100}, 3),
        ("JPEG", "RGB", {"quality": 100, "subsampling": 0}, 4),
        ("JPEG", "RGB", {"quality": 100, "subsampling": 0, "progressive": True}, 4),
        ("JPEG", "RGB", {"quality": 100, "subsampling": 0, "keep_rgb": True}, 4),
        ("JPEG", "CMYK", {"quality": 100}, 4),
        ("WEBP", "RGB", {"lossless": True}, 0),
        ("WEBP", "RGBA", {"lossless": True}, 0),
        ("GIF", "L", {}, 0),
        ("TIFF", "YCbCr", {}, 3),
        ("TIFF", "YCbCr", {"compression": "tiff_lzw"}, 3),
        ("AVIF", "RGBA", {"quality": 100, "subsampling": "4:4:4"}, 4),
    ):
        image = Image.fromarray(shown(colors())).convert(mode)
        data = encoded(image, name, **options)
        yield Case(f"{name} {mode} {options}", data, np.asarray(image.convert("RGB")), tolerance)


GROUPS = {
    "grey TIFF": grey_tiffs,
    "colour TIFF": color_tiffs,
    "other TIFF": other_tiffs,
    "PNG": pngs,
    "BMP": bmps,
    "JPEG 2000": jpegs_2000,
    "orientation": orientations,
    "mode": modes,
}
