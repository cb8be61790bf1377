"""Images that differ from each other, drawn at random."""

from pathlib import Path

import numpy as np
from PIL import Image

from tests.conftest import encoded


def scene(seed: int, light: float = 1.0) -> bytes:
    """Return a PNG of soft spots of colour.

    Args:
        seed: of the chance.
        light: 1 for all of it, 0 for none.
    """
    random = np.random.default_rng(seed)
    spots = Image.fromarray((random.integers(0, 256, (6, 8, 3)) * light).astype(np.uint8))
    return encoded(spots.resize((64, 48), Image.Resampling.BICUBIC), "PNG")


def save_scenes(folder: Path, count: int) -> Path:
    """Write so many into a folder, and return it."""
    folder.mkdir(parents=True, exist_ok=True)
    for seed in range(count):
        (folder / f"{seed:04}.png").write_bytes(scene(seed))
    return folder
