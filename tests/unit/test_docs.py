"""The Markdown pages: a test runs every command, and links, paths and targets exist."""

import re
import shlex
from pathlib import Path

import click
import pytest

from eda.__main__ import parser as eda_parser
from scripts.cli.main import main
from scripts.cli.serve import run_directory
from tests.conftest import PROJECT
from tests.pages import COMMANDS, CONTAINERS, HERE, PAGES, Command

NOT_IN_GIT = "eda/report/"
CURRENT = [*PAGES, PROJECT / "CONTRIBUTING.md", PROJECT / "SECURITY.md"]
CURRENT += [PROJECT / folder / "README.md" for folder in ("eda", "model_store", "config/nginx/secrets")]
CHANGELOG = PROJECT / "CHANGELOG.md"  # names files and targets that are gone


def pages(paths: list[Path]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("page", paths, ids=lambda page: str(page.relative_to(PROJECT)))


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: f"{command.page}: {command.line}")
def test_a_test_runs_every_command(command: Command) -> None:
    runner = (PROJECT / command.run_by).read_text(encoding="utf-8")
    if command.run_by not in (HERE, CONTAINERS):  # these two run every command of their blocks
        words = re.sub(r"^(\w+=\S+ )*(\S+python -m scripts|\S+python -m|make) ", "", command.line).split()
        assert words[0].split(".")[-1] in runner


@pytest.mark.parametrize("line", sorted({command.line for command in COMMANDS if "-m scripts " in command.line}))
def test_the_command_line_accepts(line: str) -> None:
    arguments = shlex.split(re.sub(r"<[\w ]+>", "x", line).partition("-m scripts ")[2])
    command, name = main.commands[arguments[0]], arguments.pop(0)
    while isinstance(command, click.Group) and arguments and arguments[0] in command.commands:
        command, name = command.commands[arguments[0]], arguments.pop(0)
    assert not isinstance(command, click.Group) or command.invoke_without_command
    command.make_context(name, arguments)


@pytest.mark.parametrize("line", sorted({command.line for command in COMMANDS if "-m eda " in command.line}))
def test_eda_accepts(line: str) -> None:
    arguments = shlex.split(line.partition("-m eda ")[2])
    if arguments != ["--help"]:
        eda_parser().parse_args(arguments)


@pages([*CURRENT, CHANGELOG])
def test_links_and_anchors_exist(page: Path) -> None:
    for target in re.findall(r"\]\(([^)]+)\)", page.read_text(encoding="utf-8")):
        if target.startswith("https://"):
            continue
        path, _, anchor = target.partition("#")
        linked = page.parent / path if path else page
        assert linked.exists(), target
        assert not anchor or anchor in anchors(linked), target


def anchors(page: Path) -> set[str]:
    """Return the anchors of a page's headings, as GitHub generates them."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pages(CURRENT)
def test_named_files_exist(page: Path) -> None:
    text = re.sub(r"```console\n.*?```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    for name in re.findall(r"`((?:[.]ci|config|docs|eda|handler|model_store|scripts|tests)/[\w./-]*)`", text):
        assert name.startswith(NOT_IN_GIT) or (PROJECT / name).exists(), name


@pages([*CURRENT, CHANGELOG])
def test_no_conflict_markers(page: Path) -> None:
    assert not re.search(r"^(<{7}|={7}|>{7})", page.read_text(encoding="utf-8"), re.MULTILINE)


@pages(CURRENT)
def test_named_make_targets_exist(page: Path) -> None:
    makefile = (PROJECT / "Makefile").read_text(encoding="utf-8")
    for target in re.findall(r"(?:^\$|`)(?: ?\w+=\S+)* ?make ([a-z0-9-]+)", page.read_text(), re.MULTILINE):
        assert f"\n{target}:" in makefile, target


def test_every_variable_of_make_is_documented() -> None:
    makefile = (PROJECT / "Makefile").read_text(encoding="utf-8")
    listed = (PROJECT / "docs" / "configuration.md").read_text(encoding="utf-8")
    (exported,) = re.findall(r"^export (.+)$", makefile, re.MULTILINE)
    for variable in exported.split():
        assert f"| `{variable}` |" in listed, variable


def test_the_readme_is_short() -> None:
    assert len(PAGES[0].read_text(encoding="utf-8").splitlines()) <= 130


def test_the_page_names_the_request_log_of_make_serve() -> None:
    log = run_directory(8080).relative_to(PROJECT) / "logs" / "requests.log"
    assert f"`{log}`" in (PROJECT / "docs" / "operations.md").read_text(encoding="utf-8")
