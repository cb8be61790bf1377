"""The images that calibrate 8 bits, and those that show what a precision changes."""

import importlib.util
import random
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from handler.decode.image import decode_image
from handler.decode.resize import to_input
from handler.errors import RequestError
from handler.manifest import InputSpec
from handler.model import normalize
from handler.settings import Settings
from scripts.common.errors import CommandError

MIN_IMAGES = 4
EXAMPLES = (  # images that packages of this project contain
    ("skimage", ("astronaut.png", "chelsea.png", "coffee.png", "motorcycle_left.png", "rocket.jpg", "retina.jpg")),
    ("matplotlib", ("grace_hopper.jpg",)),
)


@dataclass(frozen=True)
class SampleImages:
    """Decoded images.

    Args:
        source: what to call them.
        images: uint8 (3, height, width).
    """

    source: str
    images: list[Tensor]

    @property
    def calibration(self) -> list[Tensor]:
        """Every second one."""
        return self.images[::2]

    @property
    def held_out(self) -> list[Tensor]:
        """The others."""
        return self.images[1::2]


def read_images(folder: str) -> SampleImages:
    """Read the images of a folder, or without one those of installed packages.

    Raises:
        CommandError: there are too few.
    """
    paths = sorted(path for path in Path(folder).rglob("*") if path.is_file()) if folder else _examples()
    found = []
    for path in paths:
        try:
            found.append(decode_image(path.read_bytes(), Settings.max_pixels))
        except RequestError:
            continue  # whatever else lies in the folder
    if len(found) < MIN_IMAGES:
        raise CommandError(
            f"{len(found)} images are too few to calibrate on: name a folder of {MIN_IMAGES} or more, better "
            "hundreds, of the kind that will be served, with CALIBRATION="
        )
    source = f"{len(found)} images of {Path(folder).name}" if folder else f"{len(found)} images of installed packages"
    return SampleImages(source, found)


def _examples() -> list[Path]:
    paths = []
    for package, names in EXAMPLES:
        spec = importlib.util.find_spec(package)
        roots = list(spec.submodule_search_locations or []) if spec else []
        paths += [path for root in roots for name in names for path in Path(root).rglob(name)]
    return sorted(paths)


def inputs(images: list[Tensor], count: int, spec: InputSpec, min_area: float = 0.5) -> Tensor:
    """Return so many normalised inputs: see `crops`."""
    return normalize(torch.stack(crops(images, count, spec, min_area)), spec)


def crops(images: list[Tensor], count: int, spec: InputSpec, min_area: float = 0.5) -> list[Tensor]:
    """Return so many inputs: each image, then random crops of at least that share of it, some mirrored.

    Input i comes from image i % len(images); each is uint8 (3, *spec.size).
    """
    chance = random.Random(0)  # noqa: S311 - the same crops every time
    found = []
    for index in range(count):
        image = images[index % len(images)]
        if index >= len(images):
            height, width = (int(side * chance.uniform(min_area**0.5, 1)) or 1 for side in image.shape[1:])
            top, left = (
                chance.randint(0, side - part) for side, part in zip(image.shape[1:], (height, width), strict=True)
            )
            image = image[:, top : top + height, left : left + width]
            image = image.flip(2) if chance.random() < 0.5 else image
        found.append(to_input(image, spec))
    return found
