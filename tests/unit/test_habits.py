"""The changelog, the hooks and the licence."""

import re
import tomllib
from fnmatch import fnmatch

import pytest
import yaml

from tests.conftest import PROJECT


def read(name: str) -> str:
    return (PROJECT / name).read_text(encoding="utf-8")


def test_changelog_has_the_current_version() -> None:
    versions = re.findall(r"^## (\S+)", read("CHANGELOG.md"), re.MULTILINE)
    assert versions[:2] == ["Unreleased", tomllib.loads(read("pyproject.toml"))["project"]["version"]]


def test_changelog_has_standard_sections() -> None:
    sections = set(re.findall(r"^### (.+)", read("CHANGELOG.md"), re.MULTILINE))
    assert sections <= {"Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"}


def test_hooks_run_the_tools_of_lint() -> None:
    """Except cog, whose options are in the Makefile."""
    hooks = yaml.safe_load(read(".pre-commit-config.yaml"))["repos"][0]["hooks"]
    entries = "\n".join(hook["entry"] for hook in hooks)
    lint = re.search(r"^lint:.*\n((?:\t.*\n)+)", read("Makefile"), re.MULTILINE)
    assert lint
    assert tools(entries.replace(".venv", "$(VENV)")) == tools(lint[1])


def tools(commands: str) -> set[str]:
    """Return the programs of the environment in these commands, with ruff's sub-commands."""
    return set(re.findall(r"\$\(VENV\)/bin/(\S+(?: format| check)?)", commands))


def test_licence() -> None:
    assert tomllib.loads(read("pyproject.toml"))["project"]["license"] == "Apache-2.0"
    assert read("LICENSE").split()[:4] == ["Apache", "License", "Version", "2.0,"]


def test_no_folder_of_tests_is_left_out(pytestconfig: pytest.Config) -> None:
    """pytest's own list leaves out folders named build, which the tests of scripts/build are in."""
    left_out = pytestconfig.getini("norecursedirs")
    folders = {path.parent.relative_to(PROJECT) for path in (PROJECT / "tests").rglob("test_*.py")}
    assert not [
        folder for folder in folders if any(fnmatch(part, pattern) for part in folder.parts for pattern in left_out)
    ]
