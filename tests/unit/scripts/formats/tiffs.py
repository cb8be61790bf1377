"""Generated TIFFs: colours x bit depths x byte orders x planes x compressions x predictors x tiles x extra samples."""

import itertools
import struct
from collections.abc import Iterator
from io import BytesIO
from typing import Any

import numpy as np
import tifffile
from PIL import Image

from tests.conftest import encoded
from tests.unit.scripts.formats.samples import HEIGHT, WIDTH, Case, Samples, colors, of_bits, packed

ORDERS = tuple({"byteorder": order, "bigtiff": big} for order, big in itertools.product("<>", (False, True)))


def tiff(samples: Samples, **options: Any) -> bytes:
    bits = options.pop("bits", None)
    if bits not in (None, 1, 8, 16, 32):
        options["bitspersample"] = bits
    buffer = BytesIO()
    tifffile.imwrite(buffer, samples, **options)
    return buffer.getvalue()


def grey_tiffs() -> Iterator[Case]:
    picture = colors()[..., 0]
    for order, kind, bits in itertools.product(
        ORDERS, ("minisblack", "miniswhite"), (1, 2, 4, 6, 8, 10, 12, 14, 16, 32)
    ):
        samples = of_bits(picture, bits).astype(bool if bits == 1 else of_bits(picture, bits).dtype)
        for compression in (None, "zlib", "lzw", "packbits", "zstd", "lzma") if bits in (8, 16) else (None,):
            for predictor, tile in itertools.product((False, True) if compression else (False,), (None, (16, 16))):
                if bits not in (8, 16) and tile:
                    continue
                options = {"compression": compression, "predictor": predictor, "tile": tile, **order}
                name = f"{kind} {bits} {options}"
                yield Case(name, tiff(samples, photometric=kind, bits=bits, **options))
        if bits in (8, 16):
            for extra, planes in itertools.product(("unspecified", "assocalpha", "unassalpha"), ("contig", "separate")):
                both = np.stack([samples, np.full_like(samples, 2**bits - 1)], -1 if planes == "contig" else 0)
                options = {"extrasamples": [extra], "planarconfig": planes, **order}
                yield Case(f"{kind} {bits} {options}", tiff(both, photometric=kind, **options))


def color_tiffs() -> Iterator[Case]:
    for order, bits, planes in itertools.product(ORDERS, (2, 4, 8, 10, 12, 14, 16, 32), ("contig", "separate")):
        axis = -1 if planes == "contig" else 0
        samples = of_bits(colors(), bits)
        placed = np.moveaxis(samples, -1, axis)
        common = {"planarconfig": planes, **order}
        for compression in (None, "zlib", "lzw", "packbits", "zstd") if bits in (8, 16) else (None,):
            for predictor, tile in itertools.product((False, True) if compression else (False,), (None, (16, 16))):
                options = {"compression": compression, "predictor": predictor, "tile": tile, **common}
                name = f"rgb {bits} {options}"
                yield Case(name, tiff(placed, photometric="rgb", bits=bits, **options))
        if bits not in (8, 16):
            continue
        for extra in (
            ["unspecified"],
            ["assocalpha"],
            ["unassalpha"],
            ["unspecified"] * 2,
            ["unassalpha", "unspecified"],
        ):
            more = np.full((HEIGHT, WIDTH, len(extra)), 2**bits - 1, samples.dtype)
            several = np.moveaxis(np.concatenate([samples, more], -1), -1, axis)
            yield Case(f"rgb {bits} {extra} {common}", tiff(several, photometric="rgb", extrasamples=extra, **common))
        inks = np.moveaxis(np.concatenate([samples, samples[..., :1] // 3], -1), -1, axis)
        # 16 bits are cut to 8 before the inks are multiplied: each factor is off by up to one.
        tolerance = 1 if bits == 8 else 2
        yield Case(f"cmyk {bits} {common}", tiff(inks, photometric="separated", **common), tolerance=tolerance)


def other_tiffs() -> Iterator[Case]:
    rgb, grey = of_bits(colors(), 8), of_bits(colors()[..., 0], 8)
    palette = np.random.default_rng(1).integers(0, 65536, (3, 256)).astype(np.uint16)
    for order in ORDERS:
        yield Case(f"palette {order}", tiff(grey, photometric="palette", colormap=palette, **order))
        for kind in ("i1", "i2", "i4", "f2", "f4", "f8"):
            yield Case(f"grey {kind} {order}", tiff(grey.astype(kind), photometric="minisblack", **order))
            yield Case(f"rgb {kind} {order}", tiff(rgb.astype(kind), photometric="rgb", **order))
        for kind in ("cfa", "cielab", "logluv"):
            samples = grey if kind == "cfa" else rgb
            yield Case(f"{kind} {order}", tiff(samples, photometric=kind, **order))
        for compression in ("jpeg2000", "jpegxl", "png", "jpegxr"):
            options = {"compression": compression, **order}
            yield Case(f"rgb {options}", tiff(rgb, photometric="rgb", **options))
        for kind, samples in (("rgb", rgb), ("ycbcr", rgb), ("minisblack", grey), ("miniswhite", grey)):
            yield Case(
                f"{kind} jpeg {order}", tiff(samples, photometric=kind, compression="jpeg", **order), tolerance=4
            )
    for compression in ("group3", "group4", "tiff_ccitt"):
        yield Case(compression, encoded(Image.fromarray(grey).convert("1"), "TIFF", compression=compression))
    for bits, photometric, fill_order, end in itertools.product((1, 2, 4, 8, 12), (0, 1, 3), (1, 2), "<>"):
        if photometric != 3 or bits <= 8:
            name = f"{bits} bits, photometric {photometric}, fill order {fill_order} {end}"
            yield Case(name, packed_tiff(bits, photometric, fill_order, end))


def packed_tiff(bits: int, kind: int, fill_order: int, order: str) -> bytes:
    """Return an uncompressed TIFF with samples of any number of bits, from either end of a byte."""
    pixels = packed(of_bits(colors()[..., 0], bits), bits, align=8)
    if fill_order == 2:
        pixels = np.packbits(np.unpackbits(np.frombuffer(pixels, np.uint8)).reshape(-1, 8)[:, ::-1]).tobytes()
    palette = (
        np.random.default_rng(1).integers(0, 65536, 3 << bits).astype(f"{order}u2").tobytes() if kind == 3 else b""
    )
    tags = {
        256: WIDTH,
        257: HEIGHT,
        258: bits,
        259: 1,
        262: kind,
        266: fill_order,
        273: 8,
        277: 1,
        278: HEIGHT,
        279: len(pixels),
    }
    entries = [struct.pack(f"{order}HHII", tag, 4, 1, value) for tag, value in tags.items()]
    if palette:
        entries.append(struct.pack(f"{order}HHII", 320, 3, 3 << bits, 8 + len(pixels)))
    start = struct.pack(f"{order}HI", 42, 8 + len(pixels) + len(palette))
    directory = struct.pack(f"{order}H", len(entries)) + b"".join(entries) + bytes(4)
    return (b"II" if order == "<" else b"MM") + start + pixels + palette + directory
