"""Check the pinned packages for known vulnerabilities."""

import subprocess
import sys
import tomllib
from datetime import UTC, datetime
from pathlib import Path

import click

from scripts.common.errors import CommandError
from scripts.common.paths import CONFIG, PROJECT

IGNORED = CONFIG / "audit-ignore.toml"


@click.command()
def audit() -> None:
    """Check the pinned packages for known vulnerabilities (needs PyPI)."""
    command = [sys.executable, "-m", "pip_audit", "--requirement", "constraints.txt", "--disable-pip"]
    command += ["--strict", "--progress-spinner", "off"]  # strict: a package that PyPI does not know fails
    for vulnerability in ignored(IGNORED):
        command += ["--ignore-vuln", vulnerability]
    if subprocess.run(command, cwd=PROJECT, check=False).returncode:
        raise CommandError(
            "pip-audit found a vulnerability, or got no data on a package from PyPI (mirrors have none): see above; "
            f'run make lock LOCK="--upgrade-package NAME", or ignore it in {IGNORED.relative_to(PROJECT)} with a reason'
        )


def ignored(file: Path) -> list[str]:
    """Return the ids of the vulnerabilities to ignore.

    Raises:
        CommandError: an entry has no reason, or has expired.
    """
    entries = tomllib.loads(file.read_text(encoding="utf-8"))
    for vulnerability, entry in entries.items():
        if not entry.get("reason") or "expires" not in entry:
            raise CommandError(f"{vulnerability} in {file.name} needs a reason and the date on which it expires")
        if entry["expires"] <= datetime.now(UTC).date():
            raise CommandError(f"{vulnerability} in {file.name} expired on {entry['expires']}: review it")
    return list(entries)
