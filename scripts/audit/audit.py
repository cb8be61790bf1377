"""Asks PyPI which vulnerabilities the pinned packages are known to have; exit status 1 if one is not accepted.

pip-audit gets an environment of its own in build/audit, so that what it needs is not pinned beside what is served.
Accepted is what the last table of config/THREATS.md names, with the reason.
"""

import json
import re
import subprocess
import sys
import venv
from typing import Any

from scripts.common.errors import CommandError
from scripts.common.paths import BUILD, CONFIG, PROJECT

PIP_AUDIT = "pip-audit==2.10.1"
ACCEPTED = "## Accepted vulnerabilities"


def accepted(threats: str) -> frozenset[str]:
    """Return the ids that the threat model accepts: the first cells of the table below its heading."""
    return frozenset(re.findall(r"^\| `?([A-Z]+-[\w-]+)`? \|", threats.partition(ACCEPTED)[2], re.MULTILINE))


def findings(document: dict[str, Any], known: frozenset[str]) -> list[str]:
    """Return one sentence for each vulnerability that is not accepted.

    Args:
        document: what pip-audit prints as JSON.
        known: the accepted ids.

    Raises:
        CommandError: some package could not be asked about, so that silence would mean nothing.
    """
    skipped = [package["name"] for package in document["dependencies"] if "skip_reason" in package]
    if skipped:
        raise CommandError(
            f"there is no vulnerability data of {len(skipped)} of {len(document['dependencies'])} packages, such as "
            f"{skipped[0]}: this needs PyPI's own JSON API, which mirrors do not have; run it where PyPI can be reached"
        )
    return [
        f"{package['name']} {package['version']}: {found['id']} {', '.join(found['aliases'])}, "
        f"fixed in {', '.join(found['fix_versions']) or 'no version yet'}"
        for package in document["dependencies"]
        for found in package["vulns"]
        if not known & {found["id"], *found["aliases"]}
    ]


def audit() -> dict[str, Any]:
    """Run pip-audit on constraints.txt.

    Raises:
        CommandError: it could not be installed, or could not ask.
    """
    home = BUILD / "audit"
    python = home / "bin" / "python"
    pip = [str(python), "-m", "pip", "--disable-pip-version-check", "install", "--quiet", PIP_AUDIT]
    if not python.exists():
        venv.create(home, with_pip=True)
    if subprocess.run(pip, check=False).returncode:
        raise CommandError(f"{PIP_AUDIT} could not be installed: see pip's message above and check the network")
    options = ["--requirement", "constraints.txt", "--no-deps", "--disable-pip", "--format", "json"]
    command = [str(python), "-m", "pip_audit", *options, "--progress-spinner", "off"]
    result = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=False)
    try:
        document: dict[str, Any] = json.loads(result.stdout)
    except ValueError as error:
        raise CommandError(f"pip-audit could not ask PyPI: {result.stderr.strip()[-500:]}") from error
    return document


def run() -> None:
    """Run the command line."""
    document = audit()
    found = findings(document, accepted((CONFIG / "THREATS.md").read_text(encoding="utf-8")))
    if found:
        print("\n".join(found), file=sys.stderr)
        raise CommandError(
            f"{len(found)} known vulnerabilities: pin fixed versions in constraints.txt, or name them below "
            f"'{ACCEPTED.strip('# ')}' in config/THREATS.md with the reason why they do no harm here"
        )
    print(f"no known vulnerability that is not accepted in {len(document['dependencies'])} packages")
