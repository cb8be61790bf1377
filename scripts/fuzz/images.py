"""Real photos in every format that is accepted, and what damage, lies and greed make of them."""

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
def photos() -> dict[str, bytes]:
    """Return real photos by the name of their form: each format, and each form that takes its own way through it."""
    folder = example_image().parent
    found = {}
    for name in ("coffee.png", "chelsea.png", "astronaut.png"):
        photo = Image.open(folder / name).convert("RGB")
        photo.thumbnail((SIDE, SIDE))
        forms: dict[str, tuple[str, Image.Image, dict[str, object]]] = {
            "JPEG": ("JPEG", photo, {}),
            "progressive JPEG": ("JPEG", photo, {"progressive": True}),
            "CMYK JPEG": ("JPEG", photo.convert("CMYK"), {}),
            "PNG": ("PNG", photo, {}),
            "palette PNG": ("PNG", photo.quantize(64), {}),
            "grey 16-bit PNG": ("PNG", photo.convert("I;16"), {}),
            "alpha PNG": ("PNG", photo.convert("RGBA"), {}),
            "WebP": ("WEBP", photo, {}),
            "lossless WebP": ("WEBP", photo, {"lossless": True}),
            "GIF": ("GIF", photo, {}),
            "moving GIF": ("GIF", photo, {"save_all": True, "append_images": [photo.rotate(90)]}),
            "BMP": ("BMP", photo, {}),
            "TIFF": ("TIFF", photo, {}),
            "LZW TIFF": ("TIFF", photo, {"compression": "tiff_lzw"}),
            "deflate TIFF": ("TIFF", photo, {"compression": "tiff_adobe_deflate"}),
            "AVIF": ("AVIF", photo, {}),
            "JPEG 2000": ("JPEG2000", photo, {}),
        }
        for form, (file_format, image, options) in forms.items():
            found[f"{name} as {form}"] = encoded(image, file_format, **options)
    return found


def flipped(data: bytes, chance: random.Random) -> bytes:
    """Return it with some bits turned, half of the time within the header."""
    broken = bytearray(data)
    end = len(broken) * 8 if chance.random() < 0.5 else min(len(broken), 256) * 8
    for _ in range(chance.choice((1, 2, 4, 16, 64))):
        bit = chance.randrange(end)
        broken[bit // 8] ^= 1 << bit % 8
    return bytes(broken)


def cut(data: bytes, chance: random.Random) -> bytes:
    """Return its beginning, or what is left without it."""
    place = chance.randrange(1, len(data)) if chance.random() < 0.5 else chance.randrange(1, 64)
    return data[:place] if chance.random() < 0.8 else data[place:]


def spliced(data: bytes, other: bytes, chance: random.Random) -> bytes:
    """Return it with a piece of itself or of another file written over, put in or taken away."""
    broken = bytearray(data)
    place, size = chance.randrange(len(broken)), chance.choice((1, 4, 64, 1024))
    start = chance.randrange(len(other))
    match chance.randrange(3):
        case 0:
            broken[place : place + size] = other[start : start + size]
        case 1:
            broken[place:place] = other[start : start + size] * chance.choice((1, 50))
        case _:
            del broken[place : place + size]
    return bytes(broken)


def lying(data: bytes, chance: random.Random) -> bytes:
    """Return it with another width or height, or another number that looks like one, in its header."""
    width, height = Image.open(BytesIO(data)).size
    broken = bytearray(data)
    for form in (">I", "<I", ">H", "<H"):
        for side in {width, height}:
            place = broken.find(struct.pack(form, side), 0, 1024)
            if place >= 0 and chance.random() < 0.7:
                most = (1 << 8 * struct.calcsize(form)) - 1
                broken[place : place + struct.calcsize(form)] = struct.pack(form, chance.choice(LENGTHS) & most)
    if data.startswith(b"\x89PNG"):  # else the checksum would give it away
        broken[29:33] = struct.pack(">I", zlib.crc32(broken[12:29]))
    return bytes(broken)


@functools.cache
def bombs() -> tuple[bytes, ...]:
    """Return small files that are large once they are decoded: one for each decoder, and the sly ones."""
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
    # A TIFF whose next directory is itself, one with a million tags, and JPEG segments without end.
    found.append(b"II*\0\x08\0\0\0" + struct.pack("<HHHIII", 1, 256, 4, 1, 9, 8))
    found.append(b"II*\0\x08\0\0\0" + struct.pack("<H", 0xFFFF) + struct.pack("<HHII", 256, 4, 1, 9) * 65_535)
    found.append(encoded(Image.new("RGB", (8, 8)), "JPEG")[:2] + b"\xff\xe1\0\x12Exif\0\0" + bytes(10))
    found.append(b"\xff\xd8" + (b"\xff\xe1\0\x12Exif\0\0" + bytes(10)) * 100_000)
    found.append(endless_scans(encoded(Image.new("L", (4000, 4000), 90), "JPEG", progressive=True)))
    return tuple(found)


def endless_scans(progressive: bytes, count: int = 20_000) -> bytes:
    """Return a JPEG that goes over the whole picture so many times more: hours of work in a few megabytes."""
    last = progressive[progressive.rindex(b"\xff\xda") : -2]
    return progressive[:-2] + last * count + progressive[-2:]


def chunk(kind: bytes, data: bytes) -> bytes:
    """Return a chunk of a PNG."""
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
