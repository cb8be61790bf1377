"""How many CPUs this process may use: more threads than that would take turns in being stopped."""

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

PROCESS = Path("/proc/self")

# Microseconds of CPU time in each period, and the period, in version 2 of control groups and in version 1.
LIMIT_FILES = (("cpu.max",), ("cpu.cfs_quota_us", "cpu.cfs_period_us"))


def cpus() -> int:
    """Return the CPUs that this process may run on, or fewer where a control group limits their time.

    A container, a systemd unit and a slice of units are such groups. Each one limits all groups in it too.
    """
    return max(1, int(min(len(os.sched_getaffinity(0)), *_limits())))


def _limits() -> Iterator[float]:
    """Yield the limit of each control group that this process is in, in CPUs; infinite at the end."""
    for mount, group in _groups():
        for folder in (group, *group.parents):
            yield _limit(folder)
            if folder == mount:
                break
    yield float("inf")


def _groups() -> Iterator[tuple[Path, Path]]:
    """Yield where the control groups for CPUs are mounted, and this process's group there, by version.

    See cgroups(7) and proc_pid_mountinfo(5).
    """
    with suppress(OSError, ValueError):
        lines = (PROCESS / "cgroup").read_text(encoding="utf-8").splitlines()
        paths = {controllers: path for _, controllers, path in (line.split(":", 2) for line in lines)}
        for line in (PROCESS / "mountinfo").read_text(encoding="utf-8").splitlines():
            (_, _, _, root, mount, *_), (kind, _, options, *_) = (part.split() for part in line.split(" - ", 1))
            for controllers, path in paths.items():
                if kind == ("cgroup" if controllers else "cgroup2") and _is_of_cpus(controllers, options):
                    yield Path(mount), Path(mount, _below(root, path))


def _is_of_cpus(controllers: str, options: str) -> bool:
    """Whether a hierarchy limits CPUs and is the one that a mount shows; version 2 names no controllers."""
    return not controllers or ("cpu" in controllers.split(",") and "cpu" in options.split(","))


def _below(root: str, path: str) -> Path:
    """Return a group's path below the root of its mount; in a container the host's path may lead elsewhere."""
    try:
        below = Path(path).relative_to(root)
    except ValueError:
        return Path()
    return Path() if ".." in below.parts else below


def _limit(group: Path) -> float:
    """Return the limit of a control group in CPUs, infinite without one."""
    for names in LIMIT_FILES:
        with suppress(OSError, ValueError):
            quota, period = " ".join((group / name).read_text(encoding="utf-8") for name in names).split()
            return int(quota) / int(period) if int(quota) > 0 else float("inf")  # -1 in version 1, max in version 2
    return float("inf")
