"""constraints.txt pins every package of pyproject.toml with its hashes, and names no index."""

import re
import tomllib

import pytest

from tests.conftest import PROJECT

LOCK = (PROJECT / "constraints.txt").read_text(encoding="utf-8")
PACKAGE = re.compile(
    r"^(?P<name>[a-z0-9-]+)==(?P<version>\S+) \\\n(?P<hashes>(?:    --hash=\S+(?: \\)?\n)+)", re.MULTILINE
)
PINNED = {match["name"]: match["version"] for match in PACKAGE.finditer(LOCK)}
GROUPS = tomllib.loads((PROJECT / "pyproject.toml").read_text(encoding="utf-8"))["dependency-groups"]
NAMES = sorted({entry for entries in GROUPS.values() for entry in entries if isinstance(entry, str)})


def test_the_lock_has_only_versions_with_hashes() -> None:
    rest = re.sub(r"^#.*\n", "", PACKAGE.sub("", LOCK), flags=re.MULTILINE)
    assert rest == ""
    for match in PACKAGE.finditer(LOCK):
        for line in match["hashes"].splitlines():
            assert re.fullmatch(r"    --hash=sha256:[0-9a-f]{64}( \\)?", line), match["name"]


def test_the_lock_has_no_url() -> None:
    assert "://" not in LOCK
    assert "@" not in LOCK


@pytest.mark.parametrize("name", NAMES)
def test_only_the_lock_has_versions(name: str) -> None:
    assert re.fullmatch(r"[A-Za-z0-9-]+", name)
    assert re.sub(r"[-_.]+", "-", name).lower() in PINNED


def test_all_includes_every_group_except_setup() -> None:
    included = {entry["include-group"] for entry in GROUPS["all"]}
    assert included == set(GROUPS) - {"all", "setup"}
