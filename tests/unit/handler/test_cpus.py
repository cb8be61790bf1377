"""How many CPUs a process may use, in control groups of both versions."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from handler import cpus
from tests.conftest import PROJECT
from tests.control_groups import half_a_cpu, inside


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A machine of eight CPUs, without control groups yet."""
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(8)))
    monkeypatch.setattr(cpus, "PROCESS", tmp_path / "proc")
    (tmp_path / "proc").mkdir()
    return tmp_path


def place(machine: Path, version: int, path: str, root: str = "/", limits: dict[str, str] | None = None) -> None:
    """Put the process into a control group.

    Args:
        machine: the machine.
        version: of control groups.
        path: of the group, as the process sees it.
        root: the group that is mounted.
        limits: of groups, by their path below the mount: `<quota> <period>`.
    """
    mount = machine / "groups"
    controllers, kind, options = {1: ("cpu,cpuacct", "cgroup", "rw,cpu,cpuacct"), 2: ("", "cgroup2", "rw")}[version]
    with (machine / "proc" / "cgroup").open("a") as file:
        file.write(f"5:cpuset:/elsewhere\n{3 if controllers else 0}:{controllers}:{path}\n")
    with (machine / "proc" / "mountinfo").open("a") as file:
        file.write("21 1 8:1 / / rw,relatime shared:1 - ext4 /dev/vda rw\n")
        file.write(f"32 31 0:29 {root} {mount} ro,nosuid shared:9 master:2 - {kind} cgroup {options}\n")
    for group, limit in (limits or {}).items():
        folder = mount / group
        folder.mkdir(parents=True, exist_ok=True)
        if version == 2:
            (folder / "cpu.max").write_text(f"{limit}\n")
        else:
            for name, value in zip(("cpu.cfs_quota_us", "cpu.cfs_period_us"), limit.split(), strict=True):
                (folder / name).write_text(f"{value}\n")


@pytest.mark.parametrize(
    ("limit", "found"),
    [
        ("max 100000", 8),
        ("-1 100000", 8),
        ("200000 100000", 2),
        ("250000 100000", 2),
        ("50000 100000", 1),
        ("9900000 100000", 8),
        ("", 8),
    ],
)
def test_a_containers_limit_is_heeded(machine: Path, limit: str, found: int) -> None:
    """Its group is the root of what it sees."""
    place(machine, 2, "/", limits={".": limit})
    assert cpus.cpus() == found


@pytest.mark.parametrize("version", [1, 2])
def test_a_units_limit_is_heeded(machine: Path, version: int) -> None:
    unit = "system.slice/classifier.service"
    place(machine, version, f"/{unit}", limits={unit: "300000 100000"})
    assert cpus.cpus() == 3


@pytest.mark.parametrize("version", [1, 2])
@pytest.mark.parametrize("limited", [".", "outer.slice", "outer.slice/inner.slice/unit"])
def test_the_lowest_limit_of_nested_groups_counts(machine: Path, version: int, limited: str) -> None:
    path = "outer.slice/inner.slice/unit"
    limits = dict.fromkeys((".", "outer.slice", "outer.slice/inner.slice", path), "600000 100000")
    place(machine, version, f"/{path}", limits=limits | {limited: "200000 100000"})
    assert cpus.cpus() == 2


@pytest.mark.parametrize("version", [1, 2])
@pytest.mark.parametrize(
    ("path", "root"),
    [
        ("/docker/abc", "/docker/abc"),  # the host's paths, and the container's own group at the mount
        ("/docker/abc", "/"),  # the host's paths, without the host's groups
        ("/", "/docker/abc"),
        ("/../abc", "/"),
        ("/", "/../.."),
    ],
)
def test_a_container_that_sees_the_hosts_paths(machine: Path, version: int, path: str, root: str) -> None:
    place(machine, version, path, root, {".": "200000 100000"})
    assert cpus.cpus() == 2


@pytest.mark.parametrize("version", [1, 2])
def test_a_group_in_a_container(machine: Path, version: int) -> None:
    limits = {".": "400000 100000", "inner": "200000 100000"}
    place(machine, version, "/docker/abc/inner", "/docker/abc", limits)
    assert cpus.cpus() == 2


def test_both_versions_at_once(machine: Path) -> None:
    """As systemd's hybrid mode has them: CPUs are limited in version 1."""
    place(machine, 2, "/unit")
    place(machine, 1, "/unit", limits={"unit": "200000 100000"})
    assert cpus.cpus() == 2


def test_a_group_outside_the_mount_is_not_looked_for(machine: Path) -> None:
    (machine / "cpu.max").write_text("100000 100000")
    place(machine, 2, "/", limits={".": "200000 100000"})
    assert cpus.cpus() == 2


def test_without_control_groups_every_cpu_counts(machine: Path) -> None:
    assert cpus.cpus() == 8
    (machine / "proc" / "cgroup").write_text("nonsense\n")
    (machine / "proc" / "mountinfo").write_text("nonsense\n")
    assert cpus.cpus() == 8


def test_a_real_group_around_the_process() -> None:
    code = "from handler.cpus import cpus, _limits; print(cpus(), min(_limits()))"
    with half_a_cpu() as group:
        command = inside(group, [sys.executable, "-c", code])
        done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=PROJECT)
    assert done.stdout.split() == ["1", "0.5"]
