"""From pixels to the network's input, as the source's image processor does it."""

from torch import Tensor
from torch.nn.functional import interpolate

from handler.manifest import InputSpec

# An image longer than this many times its short side loses its ends before it is resized: the centre crop would drop
# them anyway, and one of 1 x 64,000,000 pixels would grow to 256 x 16,384,000,000.
MAX_ASPECT_RATIO = 8


def to_input(pixels: Tensor, spec: InputSpec) -> Tensor:
    """Resize and crop one image.

    Args:
        pixels: uint8 tensor of shape (3, height, width).
        spec: the model's input.

    Returns:
        uint8 tensor of shape (3, *spec.size).
    """
    if "shortest_edge" in spec.resize:
        pixels = _without_far_ends(pixels)
        height, width = pixels.shape[-2:]
        short = spec.resize["shortest_edge"]
        size = [short, int(short * width / height)] if height <= width else [int(short * height / width), short]
    else:
        size = [spec.resize["height"], spec.resize["width"]]
    antialias = not spec.interpolation.startswith("nearest")
    resized = interpolate(pixels[None], size, mode=spec.interpolation, antialias=antialias)[0]
    return _center_crop(resized, *spec.crop) if spec.crop else resized


def _without_far_ends(pixels: Tensor) -> Tensor:
    height, width = pixels.shape[-2:]
    longest = MAX_ASPECT_RATIO * min(height, width)
    return _center_crop(pixels, min(height, longest), min(width, longest))


def _center_crop(pixels: Tensor, height: int, width: int) -> Tensor:
    """Crop as transformers does: an odd pixel too many goes on the right, where torchvision's center_crop rounds."""
    top, left = (int((have - want) / 2) for have, want in zip(pixels.shape[-2:], (height, width), strict=True))
    return pixels[:, top : top + height, left : left + width]
