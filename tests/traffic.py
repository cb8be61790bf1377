"""What a network might say of images, drawn at random."""

import numpy as np

from handler.drift.reference import Images

CLASSES, DIMENSIONS = 30, 40


def traffic(count: int, seed: int, *, turn: int = 0, confident: float = 4.0, shift: float = 0.0) -> Images:
    """Return what it says of so many images.

    Args:
        count: how many.
        seed: of the chance.
        turn: by how many places the classes' frequencies move on.
        confident: how confident it is.
        shift: of each of its features, whose standard deviations are 2 and less.
    """
    random = np.random.default_rng(seed)
    shares = np.roll(1 / np.arange(1, CLASSES + 1), turn)
    features = random.standard_normal((count, DIMENSIONS)) * np.geomspace(2, 0.1, DIMENSIONS) + shift
    return Images(
        random.choice(CLASSES, count, p=shares / shares.sum()),
        random.beta(confident, 2, count).astype(np.float32),
        features.astype(np.float32),
    )
