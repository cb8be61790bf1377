"""From a photo to the network's input, as the source's image processor does it."""

import torch
from torch import Tensor
from torch.nn.functional import interpolate

from handler.manifest import InputSpec

# A photo longer than this many times its short side loses its ends before it is resized: the centre crop would drop
# them anyway, and one of 1 x 64,000,000 pixels would otherwise grow to 256 x 16,384,000,000.
LONGEST = 8


def to_input(photo: Tensor, spec: InputSpec) -> Tensor:
    """Resize and crop one photo.

    Args:
        photo: uint8 tensor of shape (3, height, width).
        spec: the model's input.

    Returns:
        uint8 tensor of shape (3, *spec.size).
    """
    if "shortest_edge" in spec.resize:
        photo = _without_far_ends(photo)
        height, width = photo.shape[-2:]
        short = spec.resize["shortest_edge"]
        size = [short, int(short * width / height)] if height <= width else [int(short * height / width), short]
    else:
        size = [spec.resize["height"], spec.resize["width"]]
    smooth = not spec.interpolation.startswith("nearest")
    resized = interpolate(photo[None], size, mode=spec.interpolation, antialias=smooth)[0]
    return _center_crop(resized, *spec.crop) if spec.crop else resized


def normalize(batch: Tensor, spec: InputSpec) -> Tensor:
    """Scale uint8 (N, 3, height, width) to the float32 that the network was trained on: (x * rescale - mean) / std."""
    mean = torch.tensor(spec.mean, device=batch.device).view(3, 1, 1)
    std = torch.tensor(spec.std, device=batch.device).view(3, 1, 1)
    return batch.to(torch.float32).mul_(spec.rescale / std).sub_(mean / std)


def _without_far_ends(photo: Tensor) -> Tensor:
    height, width = photo.shape[-2:]
    longest = LONGEST * min(height, width)
    return _center_crop(photo, min(height, longest), min(width, longest))


def _center_crop(photo: Tensor, height: int, width: int) -> Tensor:
    """Crop as transformers does: an odd pixel too many goes on the right, where torchvision's center_crop rounds."""
    top, left = (int((have - want) / 2) for have, want in zip(photo.shape[-2:], (height, width), strict=True))
    return photo[:, top : top + height, left : left + width]
