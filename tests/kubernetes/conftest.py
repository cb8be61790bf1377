"""An image in podman, and a network without a way out."""

import os
import subprocess
import sys
from collections.abc import Iterator

import pytest

from scripts.common.example import example_image
from scripts.common.paths import BUILD, PROJECT
from tests.e2e import engine
from tests.kubernetes import podman

IMAGE = "classifier-kubernetes:tested"


@pytest.fixture(scope="session")
def server_image() -> Iterator[str]:
    """The model server's image, built by Docker as for compose, in podman's store."""
    try:
        podman.require()
        with engine.running(BUILD / "dockerd.log"):
            subprocess.run([sys.executable, str(PROJECT / "tests" / "e2e" / "base_images.py")], check=True)
            index = f"TORCH_INDEX_URL={os.environ.get('TORCH_INDEX_URL', '')}"
            build = ["docker", "build", "--quiet", "--build-arg", index, "--tag", IMAGE]
            subprocess.run([*build, "--file", "config/docker/Dockerfile", "."], cwd=PROJECT, check=True)
            loaded = podman.load_from_docker(IMAGE)
            with podman.networks():
                yield loaded
    except (engine.NoEngineError, podman.NoPodmanError) as error:
        if os.environ.get("CI"):
            pytest.fail(f"CI must run these tests: {error}")
        pytest.skip(str(error))


@pytest.fixture(scope="session")
def image() -> bytes:
    return example_image().read_bytes()
