"""pyproject.toml names packages; constraints.txt pins each with its hashes and names no address."""

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


def test_the_lock_is_pins_with_hashes_and_nothing_else() -> None:
    rest = re.sub(r"^#.*\n", "", PACKAGE.sub("", LOCK), flags=re.MULTILINE)
    assert rest == ""
    for match in PACKAGE.finditer(LOCK):
        for line in match["hashes"].splitlines():
            assert re.fullmatch(r"    --hash=sha256:[0-9a-f]{64}( \\)?", line), match["name"]


def test_the_lock_has_no_address() -> None:
    assert "://" not in LOCK
    assert "@" not in LOCK


@pytest.mark.parametrize("name", NAMES)
def test_a_named_package_is_pinned_in_the_lock_alone(name: str) -> None:
    assert re.fullmatch(r"[A-Za-z0-9-]+", name)
    assert re.sub(r"[-_.]+", "-", name).lower() in PINNED


def test_all_has_every_group_but_what_set_up_installs_itself() -> None:
    included = {entry["include-group"] for entry in GROUPS["all"]}
    assert included == set(GROUPS) - {"all", "setup"}
