"""The locks pin every package with its hashes, and name no index."""

import re
import tomllib
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.conftest import PROJECT

PEERS = PROJECT / "scripts" / "bench" / "peers"
LOCK = (PROJECT / "constraints.txt").read_text(encoding="utf-8")
PEERS_LOCK = (PEERS / "requirements.txt").read_text(encoding="utf-8")
CLIENTS = PROJECT / "tests" / "clients"
CLIENTS_LOCK = (CLIENTS / "requirements.txt").read_text(encoding="utf-8")
LOCKS = pytest.mark.parametrize("lock", [LOCK, PEERS_LOCK, CLIENTS_LOCK], ids=["constraints.txt", "peers", "clients"])
PACKAGE = re.compile(
    r"^(?P<name>[a-z0-9-]+)==(?P<version>\S+) \\\n(?P<hashes>(?:    --hash=\S+(?: \\)?\n)+)", re.MULTILINE
)
PINNED, PEERS_PINNED, CLIENTS_PINNED = (
    {match["name"]: match["version"] for match in PACKAGE.finditer(lock)} for lock in (LOCK, PEERS_LOCK, CLIENTS_LOCK)
)
GROUPS = tomllib.loads((PROJECT / "pyproject.toml").read_text(encoding="utf-8"))["dependency-groups"]
NAMES = sorted({entry for entries in GROUPS.values() for entry in entries if isinstance(entry, str)})


@LOCKS
def test_the_lock_has_only_versions_with_hashes(lock: str) -> None:
    rest = re.sub(r"^#.*\n", "", PACKAGE.sub("", lock), flags=re.MULTILINE)
    assert rest == ""
    for match in PACKAGE.finditer(lock):
        for line in match["hashes"].splitlines():
            assert re.fullmatch(r"    --hash=sha256:[0-9a-f]{64}( \\)?", line), match["name"]


@LOCKS
def test_the_lock_has_no_url(lock: str) -> None:
    assert "://" not in lock
    assert "@" not in lock


def test_peers_have_the_versions_of_this_project() -> None:
    """Where both have a package, so that the benchmark compares servers and not two versions of ONNX Runtime."""
    assert {"numpy", "onnxruntime", "pillow"} <= PINNED.keys() & PEERS_PINNED.keys()
    for name in PINNED.keys() & PEERS_PINNED.keys():
        assert PEERS_PINNED[name] == PINNED[name], f"{name}: run make lock"


@pytest.mark.parametrize(
    ("folder", "pinned"), [(PEERS, PEERS_PINNED), (CLIENTS, CLIENTS_PINNED)], ids=["peers", "clients"]
)
def test_a_lock_has_every_package(folder: Path, pinned: Mapping[str, str]) -> None:
    names = re.sub(r"\[.*\]", "", (folder / "requirements.in").read_text(encoding="utf-8")).split()
    assert set(names) <= pinned.keys()


@pytest.mark.parametrize("name", NAMES)
def test_only_the_lock_has_versions(name: str) -> None:
    assert re.fullmatch(r"[A-Za-z0-9-]+", name)
    assert re.sub(r"[-_.]+", "-", name).lower() in PINNED


def test_all_includes_every_group_except_setup() -> None:
    included = {entry["include-group"] for entry in GROUPS["all"]}
    assert included == set(GROUPS) - {"all", "setup"}
