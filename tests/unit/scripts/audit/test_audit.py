"""What pip-audit prints becomes a verdict, and silence of its source never passes for safety."""

from typing import Any

import pytest

from scripts.audit import audit
from scripts.common.errors import CommandError
from scripts.common.paths import CONFIG


def document(**package: Any) -> dict[str, Any]:
    return {
        "dependencies": [{"name": "good", "version": "1.0", "vulns": []}, {"name": "x", "version": "2.0", **package}]
    }


VULNERABLE = {"vulns": [{"id": "PYSEC-2026-1", "aliases": ["CVE-2026-1"], "fix_versions": ["2.1"], "description": ""}]}
TABLE = f"| CVE-2026-1 | history |\n{audit.ACCEPTED}\n\n| id | reason |\n|---|---|\n| `CVE-2026-9` | is not reached |\n"


def test_a_vulnerability_is_named_with_its_fix() -> None:
    found = audit.findings(document(**VULNERABLE), audit.accepted(TABLE))
    assert found == ["x 2.0: PYSEC-2026-1 CVE-2026-1, fixed in 2.1"]


def test_what_is_accepted_by_any_of_its_names_passes() -> None:
    assert audit.accepted(TABLE) == {"CVE-2026-9"}
    assert audit.findings(document(**VULNERABLE), audit.accepted(TABLE.replace("-9", "-1"))) == []


def test_a_package_that_could_not_be_asked_about_is_no_pass() -> None:
    with pytest.raises(CommandError, match="no vulnerability data of 1 of 2 packages, such as x"):
        audit.findings(document(skip_reason="not found on PyPI"), frozenset())


def test_the_threat_model_has_the_table() -> None:
    assert audit.ACCEPTED in (CONFIG / "THREATS.md").read_text(encoding="utf-8")
