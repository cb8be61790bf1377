"""Every curl line of the README is run, in its order, against a server as `make serve` starts it."""

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

from scripts.build import archive
from scripts.build.sources import fallback
from scripts.common.example import example_image
from scripts.server.torchserve import TorchServe
from tests.conftest import PROJECT
from tests.integration.conftest import free_ports

README = (PROJECT / "README.md").read_text(encoding="utf-8")


def console_lines() -> list[tuple[str, list[str]]]:
    """Return (command, output lines) of every `$` line in the README's console blocks."""
    found: list[tuple[str, list[str]]] = []
    for block in re.findall(r"```console\n(.*?)```", README, re.DOTALL):
        for line in block.splitlines():
            if line.startswith("$ "):
                found.append((line[2:].split("     #")[0], []))
            elif found:
                found[-1][1].append(line)
    return found


@pytest.fixture
def server(stand_in_archive: Path, tmp_path: Path) -> Iterator[TorchServe]:
    """A server of its own, because the README's lines change what is registered."""
    store = tmp_path / "store"
    store.mkdir()
    shutil.copy(stand_in_archive, store)
    models = {fallback.NAME: stand_in_archive.name}
    with TorchServe(models, store, free_ports(), tmp_path / "serve") as running:
        yield running


def test_the_readmes_lines(server: TorchServe, tmp_path: Path) -> None:
    Image.open(example_image()).save(tmp_path / "photo.jpg", quality=95)
    ports, ran = server.ports, 0
    for command, printed in console_lines():
        if command == "make archive VERSION=2.0":
            packed = archive.ensure("", fallback.NAME, "2.0", store=tmp_path / "second")
            shutil.copy(packed, server.store)
            continue
        if not command.startswith(("curl", "echo")):
            continue
        command = command.replace("resnet-50", fallback.NAME)  # noqa: PLW2901 - as the README says to offline
        for port, actual in ((8080, ports.inference), (8081, ports.management), (8082, ports.metrics)):
            command = command.replace(f"127.0.0.1:{port}", f"127.0.0.1:{actual}")  # noqa: PLW2901
        line = command.replace("curl ", "curl -sS --fail-with-body ", 1)
        result = subprocess.run(["bash", "-c", line], capture_output=True, text=True, check=False, cwd=tmp_path)
        assert result.returncode == 0, f"{command}\n{result.stdout}{result.stderr}"
        ran += command.startswith("curl")
        if printed and printed[0].startswith(("[{", '{"')):
            answer = json.dumps(json.loads(result.stdout))
            assert all(name in answer for name in re.findall(r'"(?:label|class_id|predictions)"', printed[0]))
        elif printed and printed[0] == "{":
            expected = json.loads("\n".join(printed).strip())["status"].replace("resnet-50", fallback.NAME)
            assert json.loads(result.stdout)["status"] == expected
    assert ran >= 10


@pytest.mark.parametrize("command", sorted({line for line, _ in console_lines() if "scripts." in line}))
def test_the_readmes_commands_exist(command: str) -> None:
    module, *words = command.split("-m ")[1].split()
    shown = subprocess.run(
        [str(PROJECT / ".venv/bin/python"), "-m", module, words[0], "--help"],
        capture_output=True, text=True, check=False, cwd=PROJECT,
    )  # fmt: skip
    assert shown.returncode == 0, shown.stderr


def test_the_readmes_make_targets_exist() -> None:
    makefile = (PROJECT / "Makefile").read_text()
    for target in re.findall(r"(?:^\$|`)(?: \w+=\S+)* ?make ([a-z0-9-]+)", README, re.MULTILINE):
        assert f"\n{target}:" in makefile, target
