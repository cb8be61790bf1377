"""How faithful an explanation is to its network: deletion and insertion (Petsiuk, Das and Saenko 2018, RISE).

"RISE: Randomized Input Sampling for Explanation of Black-box Models", arXiv:1806.07421, section 4.2. The places of an
image are ordered by what the explanation says they add to the class.

- Deletion: beginning with the image, ever more of the first places are covered. The class's score should fall fast, so
  that the area under its curve is small.
- Insertion: beginning with a blurred image, ever more of the first places are made sharp. The score should rise fast,
  so that the area is large.

As in the paper's own code, what covers is the mean colour (zeros, where the input is normalised), and the blur has a
kernel of 11 pixels and a standard deviation of 5. It changes a 224th of the places a step; here a step is a 14th, which
takes a sixteenth of the time.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import interpolate
from torchvision.transforms.functional import gaussian_blur

from handler.engines.engine import MAX_BATCH

STEPS = 14
KERNEL, SIGMA = 11, 5.0  # pixels

Scores = Callable[[Tensor], Tensor]  # of normalised images (N, 3, height, width): (N, classes)


@dataclass(frozen=True)
class Faithfulness:
    """Areas under the curves of one image, 0 to 1.

    Args:
        deletion: less is better.
        insertion: more is better.
    """

    deletion: float
    insertion: float


def faithfulness(scores: Scores, image: Tensor, class_id: int, grid: Tensor, steps: int = STEPS) -> Faithfulness:
    """Measure one explanation of one image.

    Args:
        scores: the network.
        image: normalised (3, height, width).
        class_id: the class that is explained.
        grid: the explanation (rows, columns), which is resized to the image.
        steps: in how many steps all places are changed.
    """
    blurred = gaussian_blur(image, [KERNEL, KERNEL], [SIGMA, SIGMA])
    order = ranks(grid, (image.shape[1], image.shape[2]))
    shares = torch.linspace(0, 1, steps + 1)

    def area_of(before: Tensor, after: Tensor) -> float:
        """Return the area while one image becomes another, from the first places on."""
        mixed = torch.stack([torch.where(order < share, after, before) for share in shares])
        return area(torch.cat([scores(part)[:, class_id] for part in torch.split(mixed, MAX_BATCH)]))

    return Faithfulness(area_of(image, torch.zeros_like(image)), area_of(blurred, image))


def ranks(grid: Tensor, size: tuple[int, int]) -> Tensor:
    """Return each pixel's place in the order (height, width): 0 for what speaks most for the class, then up to 1."""
    saliency = interpolate(grid[None, None].float(), size, mode="bilinear")[0, 0].flatten()
    order = torch.argsort(saliency, descending=True, stable=True)
    found = torch.empty(len(order))
    found[order] = torch.arange(len(order)) / len(order)
    return found.reshape(size)


def area(curve: Tensor) -> float:
    """Return the area under a curve over 0 to 1, by trapezoids."""
    return float(torch.trapezoid(curve, dx=1 / (len(curve) - 1)))
