"""Builds the model server's image before the tests that need it, which then find its layers in the engine's cache.

.ci/run does so beside other stages, when .venv is not there yet: this needs nothing but Python.
"""

import os
import signal
import subprocess
import sys

from tests.e2e import base_images, engine


def main() -> None:
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # stops the engine too
    build = base_images.PROJECT / "build"
    environment = os.environ | {
        "IMAGE": "classifier-e2e:tested",
        # As for the tests: tests/e2e/stack.py.
        "TORCH_INDEX_URL": os.environ.get("TORCH_INDEX_URL", ""),
        **{"MODEL": "", "NAME": "", "VERSION": "1.0"},
    }
    with engine.running(build / "dockerd.log"):
        base_images.main()
        command = ["bash", "scripts/container/compose.sh", "build", "torchserve"]
        subprocess.run(command, cwd=base_images.PROJECT, env=environment, check=True)


if __name__ == "__main__":
    main()
