"""Valid images in every accepted format, and damaged, deceptive and oversized ones."""

import functools
import random
import struct
import zlib
from io import BytesIO

from PIL import Image

from scripts.common.example import example_image

SIDE = 160  # pixels: small files, so that a flipped bit is likely to hit something that matters
BOMB_SIDE = 8192  # 67 megapixels, over the handler's limit of 64; AVIF's and JPEG 2000's is a quarter
LENGTHS = (0, 1, 0x7FFF, 0xFFFF, 0x7FFF_FFFF, 0x8000_0000, 0xFFFF_FFFF)


def encoded(image: Image.Image, name: str, **options: object) -> bytes:
    """Return an image as the bytes of a file of that format."""
    buffer = BytesIO()
    image.save(buffer, name, **options)
    return buffer.getvalue()


@functools.cache
def valid_images() -> dict[str, bytes]:
    """Return images by name: every format, and every variant that a decoder treats differently."""
    folder = example_image().parent
    found = {}
    for name in ("coffee.png", "chelsea.png", "astronaut.png"):
        image = Image.open(folder / name).convert("RGB")
        image.thumbnail((SIDE, SIDE))
        forms: dict[str, tuple[str, Image.Image, dict[str, object]]] = {
            "JPEG": ("JPEG", image, {}),
            "progressive JPEG": ("JPEG", image, {"progressive": True}),
            "CMYK JPEG": ("JPEG", image.convert("CMYK"), {}),
            "PNG": ("PNG", image, {}),
            "palette PNG": ("PNG", image.quantize(64), {}),
            "grey 16-bit PNG": ("PNG", image.convert("I;16"), {}),
            "alpha PNG": ("PNG", image.convert("RGBA"), {}),
            "WebP": ("WEBP", image, {}),
            "lossless WebP": ("WEBP", image, {"lossless": True}),
            "GIF": ("GIF", image, {}),
            "animated GIF": ("GIF", image, {"save_all": True, "append_images": [image.rotate(90)]}),
            "BMP": ("BMP", image, {}),
            "TIFF": ("TIFF", image, {}),
            "LZW TIFF": ("TIFF", image, {"compression": "tiff_lzw"}),
            "deflate TIFF": ("TIFF", image, {"compression": "tiff_adobe_deflate"}),
            "AVIF": ("AVIF", image, {}),
            "JPEG 2000": ("JPEG2000", image, {}),
        }
        for form, (file_format, variant, options) in forms.items():
            found[f"{name} as {form}"] = encoded(variant, file_format, **options)
    return found


def flipped(data: bytes, rng: random.Random) -> bytes:
    """Return the data with some bits flipped, half of the time within the header."""
    damaged = bytearray(data)
    end = len(damaged) * 8 if rng.random() < 0.5 else min(len(damaged), 256) * 8
    for _ in range(rng.choice((1, 2, 4, 16, 64))):
        bit = rng.randrange(end)
        damaged[bit // 8] ^= 1 << bit % 8
    return bytes(damaged)


def cut(data: bytes, rng: random.Random) -> bytes:
    """Return the beginning of the data, or the rest."""
    place = rng.randrange(1, len(data)) if rng.random() < 0.5 else rng.randrange(1, 64)
    return data[:place] if rng.random() < 0.8 else data[place:]


def spliced(data: bytes, other: bytes, rng: random.Random) -> bytes:
    """Return the data with a piece of another file written over or inserted, or with a piece removed."""
    damaged = bytearray(data)
    place, size = rng.randrange(len(damaged)), rng.choice((1, 4, 64, 1024))
    start = rng.randrange(len(other))
    match rng.randrange(3):
        case 0:
            damaged[place : place + size] = other[start : start + size]
        case 1:
            damaged[place:place] = other[start : start + size] * rng.choice((1, 50))
        case _:
            del damaged[place : place + size]
    return bytes(damaged)


def deceptive(data: bytes, rng: random.Random) -> bytes:
    """Return the data with another width or height, or a number that looks like one, in its header."""
    width, height = Image.open(BytesIO(data)).size
    damaged = bytearray(data)
    for form in (">I", "<I", ">H", "<H"):
        for side in {width, height}:
            place = damaged.find(struct.pack(form, side), 0, 1024)
            if place >= 0 and rng.random() < 0.7:
                largest = (1 << 8 * struct.calcsize(form)) - 1
                damaged[place : place + struct.calcsize(form)] = struct.pack(form, rng.choice(LENGTHS) & largest)
    if data.startswith(b"\x89PNG"):  # the checksum must match
        damaged[29:33] = struct.pack(">I", zlib.crc32(damaged[12:29]))
    return bytes(damaged)


@functools.cache
def bombs() -> tuple[bytes, ...]:
    """Return small files that decode to large images, one for each decoder, and special cases of some formats."""
    white = Image.new("L", (BOMB_SIDE, BOMB_SIDE), 255)
    quarter = Image.new("L", (BOMB_SIDE // 2, BOMB_SIDE // 2 + 1), 255)
    found = [
        encoded(white, "JPEG"),
        encoded(white, "PNG", compress_level=1),
        encoded(white, "GIF"),
        encoded(white.convert("1"), "BMP"),
        encoded(white, "TIFF", compression="tiff_adobe_deflate"),
        encoded(Image.new("L", (16_383, 4100), 255), "WEBP", lossless=True, method=0, quality=0),
        encoded(quarter, "AVIF", speed=10),
        encoded(quarter, "JPEG2000"),
    ]
    small = encoded(Image.new("RGB", (8, 8)), "PNG")
    header, rest = small[:33], small[33:]
    zeros = zlib.compress(bytes(50_000_000), 9)  # 50 MB in 50 kB
    found.append(header + chunk(b"zTXt", b"a\0\0" + zeros) + rest)
    found.append(header + chunk(b"iCCP", b"a\0\0" + zeros) + rest)
    found.append(header + chunk(b"iTXt", b"a\0\1\0\0\0" + zeros) + rest)
    found.append(header + chunk(b"IDAT", zeros) + chunk(b"IEND", b""))
    found.append(header + chunk(b"eXIf", b"Exif\0\0" * 100_000) + rest)
    # A TIFF whose next directory is itself, one with 65,535 tags, and very many JPEG segments.
    found.append(b"II*\0\x08\0\0\0" + struct.pack("<HHHIII", 1, 256, 4, 1, 9, 8))
    found.append(b"II*\0\x08\0\0\0" + struct.pack("<H", 0xFFFF) + struct.pack("<HHII", 256, 4, 1, 9) * 65_535)
    found.append(encoded(Image.new("RGB", (8, 8)), "JPEG")[:2] + b"\xff\xe1\0\x12Exif\0\0" + bytes(10))
    found.append(b"\xff\xd8" + (b"\xff\xe1\0\x12Exif\0\0" + bytes(10)) * 100_000)
    found.append(endless_scans(encoded(Image.new("L", (4000, 4000), 90), "JPEG", progressive=True)))
    return tuple(found)


def endless_scans(progressive: bytes, count: int = 20_000) -> bytes:
    """Return a JPEG that scans the whole image that many times more: hours of work in a few megabytes."""
    last = progressive[progressive.rindex(b"\xff\xda") : -2]
    return progressive[:-2] + last * count + progressive[-2:]


def chunk(kind: bytes, data: bytes) -> bytes:
    """Return a chunk of a PNG."""
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
