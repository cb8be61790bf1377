"""Runs the commands of README.md and docs/ that need the containers, page by page."""

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from scripts.common.paths import PROJECT
from tests.archives import as_version
from tests.e2e.stack import TOKEN, Stack, docker
from tests.load import Load
from tests.pages import COMMANDS, CONTAINERS, Command, same

TO_RUN = [command for command in COMMANDS if command.run_by == CONTAINERS]
# A command that shows no output is not run twice: the last page with it runs it.
LAST = {command.line: command for command in TO_RUN}
TO_RUN = [command for command in TO_RUN if command.output or command is LAST[command.line]]


@pytest.fixture
def folder(stack: Stack, image: bytes, tmp_path: Path) -> Iterator[Path]:
    """The files that the pages name: an image, and version 2.0 of the served model."""
    stack.up()
    model, server = stack.model(), stack.containers("torchserve")[0]
    docker("cp", f"{server}:/srv/models/{model}.mar", str(tmp_path / "served.mar"))
    as_version("2.0", tmp_path / "served.mar", tmp_path / f"{model}-2.0.mar")
    (tmp_path / "photo.jpg").write_bytes(image)
    yield tmp_path
    stack.up()
    docker("exec", stack.containers("torchserve")[0], "rm", "--force", f"/srv/models/{model}-2.0.mar")


@pytest.mark.parametrize("page", sorted({command.page for command in TO_RUN}))
def test_commands(page: str, stack: Stack, folder: Path, image: bytes) -> None:
    model = stack.model()
    for command in TO_RUN:
        if command.page != page:
            continue
        if " rollout " not in command.line:
            run(command, stack, model, folder)
            continue
        with Load(f"{stack.url}/predictions/{model}", image, clients=4):  # a canary needs requests
            run(command, stack, model, folder)


def run(command: Command, stack: Stack, model: str, folder: Path) -> None:
    """Run a command as a reader would, but with this stack's ports and this machine's docker compose."""
    line = command.line.replace("resnet-50", model).replace("<token>", TOKEN).replace("--watch 60", "--watch 10")
    line = line.replace("127.0.0.1:8080", f"127.0.0.1:{stack.ports['GATEWAY_PORT']}")
    line = line.replace("docker compose", "bash scripts/container/compose.sh")  # Debian has docker-compose
    line = line.replace("model_store/", f"{folder}/").replace("photo.jpg", str(folder / "photo.jpg"))
    if " rollout " in line:
        line += f" --url {stack.management_url} --inference {stack.url}"
    environment = {key: value for key, value in stack.environment.items() if not re.match(r"MAKE(FLAGS|LEVEL)$", key)}
    result = subprocess.run(
        ["bash", "-c", line], capture_output=True, text=True, check=False, cwd=PROJECT, env=environment, timeout=900
    )
    assert result.returncode == 0, f"{line}\n{result.stdout}{result.stderr}"
    assert same(command.output.replace("resnet-50", model), result.stdout), f"{line}\n{result.stdout}"
