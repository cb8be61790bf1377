"""Builds the model server's image before the tests that need it, which then find its layers in the engine's cache.

.ci/run does so beside other stages, when .venv is not there yet: this needs nothing but Python.
"""

import os
import signal
import subprocess
import sys

from tests.e2e import base_images, engine

PROJECT_NAME = "classifier-e2e"
# What the image is built from, here and in the tests.
SETTINGS = {
    # Some machines cannot reach the index of PyTorch's CPU builds; PyPI's builds work as well.
    "TORCH_INDEX_URL": os.environ.get("TORCH_INDEX_URL", ""),
    "MODEL": "",
    "NAME": "",
    "VERSION": "1.0",
}


def image_of(project: str) -> str:
    """Return the image's name in a compose project."""
    return f"{project}:tested"


def main() -> None:
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # stops the engine too
    build = base_images.PROJECT / "build"
    environment = os.environ | SETTINGS | {"IMAGE": image_of(PROJECT_NAME)}
    with engine.running(build / "dockerd.log"):
        base_images.main()
        command = ["bash", "scripts/container/compose.sh", "build", "torchserve"]
        subprocess.run(command, cwd=base_images.PROJECT, env=environment, check=True)


if __name__ == "__main__":
    main()
