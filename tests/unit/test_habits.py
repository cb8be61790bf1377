"""The files beside the code: the changelog knows the version, the hooks run what `make lint` runs."""

import re
import tomllib

import yaml

from tests.conftest import PROJECT


def read(name: str) -> str:
    return (PROJECT / name).read_text(encoding="utf-8")


def test_changelog_has_the_version() -> None:
    versions = re.findall(r"^## (\S+)", read("CHANGELOG.md"), re.MULTILINE)
    assert versions[:2] == ["Unreleased", tomllib.loads(read("pyproject.toml"))["project"]["version"]]


def test_changelog_has_the_kinds_of_keep_a_changelog() -> None:
    kinds = set(re.findall(r"^### (.+)", read("CHANGELOG.md"), re.MULTILINE))
    assert kinds <= {"Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"}


def test_hooks_run_what_lint_runs() -> None:
    """But cog, whose options stand in the Makefile."""
    hooks = yaml.safe_load(read(".pre-commit-config.yaml"))["repos"][0]["hooks"]
    entries = "\n".join(hook["entry"] for hook in hooks)
    recipe = re.search(r"^lint:.*\n((?:\t.*\n)+)", read("Makefile"), re.MULTILINE)
    assert recipe
    assert tools(entries.replace(".venv", "$(VENV)")) == tools(recipe[1])


def tools(commands: str) -> set[str]:
    """Return the programs of the environment that are run, with ruff's command."""
    return set(re.findall(r"\$\(VENV\)/bin/(\S+(?: format| check)?)", commands))


def test_licence() -> None:
    assert tomllib.loads(read("pyproject.toml"))["project"]["license"] == "Apache-2.0"
    assert read("LICENSE").split()[:4] == ["Apache", "License", "Version", "2.0,"]
