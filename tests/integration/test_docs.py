"""README.md and docs/: commands run as a reader types them, page by page, each page on a server of its own.

`tests/pages.py` says who runs the others.
"""

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

from scripts.build import archive
from scripts.build.sources import fallback
from scripts.common.example import example_image
from scripts.server.ports import Ports
from scripts.server.torchserve import TorchServe
from tests.conftest import PROJECT
from tests.integration.conftest import free_ports
from tests.pages import COMMANDS, HERE, Command, same

TO_RUN = [command for command in COMMANDS if command.run_by == HERE]
if shutil.which("node") is None:  # .ci/run installs it
    TO_RUN = [command for command in TO_RUN if not command.line.startswith("node ")]
PACKS = "docs/operations.md"  # packs a version 2.0: here the tiny network, under the fallback model's name


@pytest.fixture
def checkout(page: str, fallback_archive: Path, tiny_directory: Path, tmp_path: Path) -> Path:
    """A checkout with a model store of its own, where the page's model is packed, and the files that pages name."""
    (tmp_path / "my-fine-tune").symlink_to(tiny_directory)
    checkout = tmp_path / "checkout"
    for folder in ("config", "eda", "handler", "scripts"):
        shutil.copytree(PROJECT / folder, checkout / folder, ignore=shutil.ignore_patterns("__pycache__", "report"))
    for file in ("Makefile", "pyproject.toml", "constraints.txt"):
        shutil.copy(PROJECT / file, checkout)
    (checkout / ".venv").mkdir()
    for part in ("bin", "lib", "pyvenv.cfg"):
        (checkout / ".venv" / part).symlink_to(PROJECT / ".venv" / part)
    (checkout / ".venv" / ".complete").touch()  # newer than what it was made from: nothing is installed
    (checkout / "model_store").mkdir()
    if page == PACKS:
        archive.ensure(str(tiny_directory), fallback.NAME, store=checkout / "model_store")
    else:
        shutil.copy(fallback_archive, checkout / "model_store")
    photo = Image.open(example_image())
    for name in ("photo.jpg", "cat.jpg"):
        photo.save(checkout / name, quality=95)
    return checkout


@pytest.fixture
def server(checkout: Path) -> Iterator[TorchServe]:
    models = {fallback.NAME: f"{fallback.NAME}.mar"}
    with TorchServe(models, checkout / "model_store", free_ports(), checkout / "build" / "serve") as running:
        yield running


@pytest.mark.parametrize("page", sorted({command.page for command in TO_RUN}))
def test_the_commands_work(page: str, checkout: Path, server: TorchServe) -> None:
    for command in TO_RUN:
        if command.page == page:
            run(command, checkout, server.ports)


def run(command: Command, checkout: Path, ports: Ports) -> None:
    """Run a command and compare what it prints with what the page shows."""
    left_out = ("MODEL", "NAME", "PHOTO", "VERSION", "MAKEFLAGS", "MAKELEVEL")
    environment = {key: value for key, value in os.environ.items() if key not in left_out} | {
        "HF_HUB_OFFLINE": "1",
        "HF_HOME": str(checkout / "no-cache"),
        "MANAGEMENT_URL": ports.url(ports.management),
        "PORT": str(free_ports().inference),  # of a server that the command starts
    }
    if command.page == PACKS:
        environment |= {"MODEL": "../my-fine-tune", "NAME": fallback.NAME}
    line = on_these_ports(command.line, ports).replace("resnet-50", fallback.NAME)
    result = subprocess.run(
        ["bash", "-c", line], capture_output=True, text=True, check=False, cwd=checkout, env=environment, timeout=200
    )
    refused = "/problems/" in command.output
    assert (result.returncode != 0) == refused, f"{line}\n{result.stdout}{result.stderr}"
    assert same(command.output.replace("resnet-50", fallback.NAME), result.stdout), result.stdout


def on_these_ports(line: str, ports: Ports) -> str:
    """Return a command that asks this server."""
    for documented, port in ((8080, ports.inference), (8081, ports.management), (8082, ports.metrics)):
        line = line.replace(f"127.0.0.1:{documented}", f"127.0.0.1:{port}")
    if " rollout " in line:
        line += f" --inference {ports.url(ports.inference)}"
    if " predict " in line:
        line += f" --url {ports.url(ports.inference)}"
    return line.replace("curl ", "curl --silent --show-error --fail-with-body ", 1)
