"""The arguments for pip-audit, and the list of ignored vulnerabilities."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from scripts.cli import audit as module
from scripts.common.errors import CommandError

ENTRY = '[CVE-2026-1]\nexpires = 2999-01-01\nreason = "is not reached"\n'


@pytest.fixture
def ignore(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty list of ignored vulnerabilities."""
    file = tmp_path / "audit-ignore.toml"
    file.touch()
    monkeypatch.setattr(module, "PROJECT", tmp_path)
    monkeypatch.setattr(module, "IGNORED", file)
    return file


def audit(folder: Path, status: int = 0) -> tuple[Result, list[str]]:
    """Run the command with a pip-audit that records its arguments; `python -m` finds it in the working directory."""
    (folder / "pip_audit.py").write_text(
        "import json, pathlib, sys\n"
        "pathlib.Path('arguments').write_text(json.dumps(sys.argv[1:]))\n"
        f"sys.exit({status})\n"
    )
    result = CliRunner().invoke(module.audit)
    return result, json.loads((folder / "arguments").read_text())


def test_pinned_packages_are_audited_without_installing_them(ignore: Path) -> None:
    result, arguments = audit(ignore.parent)
    assert result.exception is None
    assert arguments[:3] == ["--requirement", "constraints.txt", "--disable-pip"]
    assert "--strict" in arguments
    assert "--ignore-vuln" not in arguments


def test_ignored_vulnerabilities(ignore: Path) -> None:
    ignore.write_text(ENTRY + ENTRY.replace("2026-1", "2026-2"))
    _, arguments = audit(ignore.parent)
    assert arguments[-4:] == ["--ignore-vuln", "CVE-2026-1", "--ignore-vuln", "CVE-2026-2"]


def test_a_finding_fails(ignore: Path) -> None:
    result, _ = audit(ignore.parent, status=1)
    assert isinstance(result.exception, CommandError)


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        (ENTRY.replace("2999", "2026"), "expired on 2026-01-01"),
        (ENTRY.replace("expires", "expired"), "needs a reason and the date"),
        (ENTRY.replace("is not reached", ""), "needs a reason and the date"),
    ],
)
def test_invalid_entries(ignore: Path, entry: str, message: str) -> None:
    ignore.write_text(entry)
    with pytest.raises(CommandError, match=message):
        module.ignored(ignore)


def test_no_entry_of_the_project_has_expired() -> None:
    module.ignored(module.IGNORED)
