"""From pixels to the network's input, as the source's image processor does it."""

from typing import NamedTuple

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.nn.functional import interpolate, pad

from handler.manifest import InputSpec

# An image longer than this many times its short side loses its ends before it is resized: the centre crop would drop
# them anyway, and one of 1 x 64,000,000 pixels would grow to 256 x 16,384,000,000.
MAX_ASPECT_RATIO = 8
PILLOW_FILTERS = {"box": Image.Resampling.BOX, "hamming": Image.Resampling.HAMMING}  # which torch does not have


def to_input(pixels: Tensor, spec: InputSpec) -> Tensor:
    """Resize and crop one image.

    Args:
        pixels: uint8 tensor of shape (3, height, width).
        spec: the model's input.

    Returns:
        uint8 tensor of shape (3, *spec.size).

    Raises:
        NotImplementedError: the pixels are not where the filter can resize them.
    """
    height, width = pixels.shape[-2:]
    if (longest := _longest_side(height, width, spec)) is not None:
        height, width = min(height, longest), min(width, longest)
        pixels = _center_crop(pixels, height, width)
    resized = _resize(pixels, resized_to(height, width, spec.resize), spec.interpolation)
    cropped = _center_crop(resized, *spec.crop) if spec.crop else resized
    return cropped if spec.channels == "RGB" else cropped.flip(0)


def resized_to(height: int, width: int, resize: dict[str, int]) -> tuple[int, int]:
    """Return the (height, width) in pixels that an image of this height and width is resized to; see InputSpec."""
    match resize:
        case {"height": high, "width": wide}:
            return high, wide
        case {"max_height": high, "max_width": wide}:
            scale = min(high / height, wide / width)
            return max(1, int(height * scale)), max(1, int(width * scale))
        case {"shortest_edge": short, "divisor": divisor}:
            scale = short / min(height, width)
            return _up(round(height * scale), divisor), _up(round(width * scale), divisor)
        case {"shortest_edge": short, **rest}:
            exact = min(short, rest.get("longest_edge", np.inf) * min(height, width) / max(height, width))
            other = max(1, int(exact * max(height, width) / min(height, width)))
            short = max(1, round(exact))
            if short == min(height, width):  # transformers leaves it as it is, even where longest_edge is shorter
                return height, width
            return (short, other) if height <= width else (other, short)
    return height, width


class Region(NamedTuple):
    """A part of an image, in its pixels; it may reach beyond the image."""

    left: float
    top: float
    width: float
    height: float


def region_of(height: int, width: int, spec: InputSpec) -> Region:
    """Return which part of an image of this height and width `to_input` makes the network's input of."""
    high, wide = height, width
    if (longest := _longest_side(height, width, spec)) is not None:
        high, wide = min(height, longest), min(width, longest)
    size = resized_to(high, wide, spec.resize)
    crop = spec.crop or size
    sides = [
        (_first(have, kept) + _first(resized, cropped) * kept / resized, cropped * kept / resized)
        for have, kept, resized, cropped in zip((height, width), (high, wide), size, crop, strict=True)
    ]
    (top, tall), (left, broad) = sides
    return Region(left, top, broad, tall)


def _up(pixels: int, divisor: int) -> int:
    return -(-pixels // divisor) * divisor


def _resize(pixels: Tensor, size: tuple[int, int], interpolation: str) -> Tensor:
    if interpolation in PILLOW_FILTERS:
        if pixels.dtype != torch.uint8 or pixels.device.type != "cpu":  # a GPU's decoder tries it with floats
            raise NotImplementedError(f"the filter {interpolation} is Pillow's, which resizes bytes on the CPU")
        image = Image.fromarray(pixels.permute(1, 2, 0).numpy())
        resized = image.resize((size[1], size[0]), PILLOW_FILTERS[interpolation])
        return torch.from_numpy(np.array(resized)).permute(2, 0, 1)
    antialias = not interpolation.startswith("nearest")
    return interpolate(pixels[None], size, mode=interpolation, antialias=antialias)[0]


def _longest_side(height: int, width: int, spec: InputSpec) -> int | None:
    """Return how many pixels of a side are looked at: see MAX_ASPECT_RATIO."""
    if not spec.crop or spec.resize.keys() != {"shortest_edge"}:
        return None
    return max(MAX_ASPECT_RATIO, 1 + max(spec.crop) // spec.resize["shortest_edge"]) * min(height, width)


def _center_crop(pixels: Tensor, height: int, width: int) -> Tensor:
    """Crop as transformers does: an odd pixel too many goes on the right, where torchvision's center_crop rounds.

    What is missing is filled with zeros, an odd pixel of them on the right too.
    """
    have_height, have_width = pixels.shape[-2:]
    high, wide = max(0, height - have_height), max(0, width - have_width)
    if high or wide:
        pixels = pad(pixels, (wide // 2, wide - wide // 2, high // 2, high - high // 2))
    top, left = (
        max(0, _first(have, want)) for have, want in zip((have_height, have_width), (height, width), strict=True)
    )
    return pixels[:, top : top + height, left : left + width]


def _first(have: int, want: int) -> int:
    """Return where a centre crop of a side begins: below zero where what is missing is filled up."""
    return (have - want) // 2 if have >= want else -((want - have) // 2)
