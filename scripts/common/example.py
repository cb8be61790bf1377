"""The example image."""

import importlib.util
from pathlib import Path

from scripts.common.errors import CommandError


def example_image() -> Path:
    """Return the path of scikit-image's cup of espresso, a photo by Rachel Michetti in the public domain (CC0).

    Raises:
        CommandError: scikit-image is not installed.
    """
    spec = importlib.util.find_spec("skimage")
    if spec is None or not spec.submodule_search_locations:
        raise CommandError("the example image is not installed: run make setup, or name an image with PHOTO=")
    return Path(spec.submodule_search_locations[0]) / "data" / "coffee.png"
