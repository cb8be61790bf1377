"""What this machine's CPUs can do, and which of them a worker's threads run on."""

import os
import platform
from functools import cache
from pathlib import Path

from handler.manifest import PrecisionName

CPU_INFO = Path("/proc/cpuinfo")


# The kernel's names of the instructions that speed up each precision, best first.
INSTRUCTIONS: dict[PrecisionName, tuple[str, ...]] = {
    "float32": ("avx512f", "avx2", "asimd"),
    "bfloat16": ("amx_bf16", "avx512_bf16"),
    "int8": ("amx_int8", "avx512_vnni", "avx_vnni", "i8mm", "asimddp", "avx512f", "avx2", "asimd"),
}


@cache
def features() -> frozenset[str]:
    """Return the kernel's names of what this machine's CPUs can do."""
    for line in _cpu_info():
        name, _, values = line.partition(":")
        if name.strip() in ("flags", "Features"):  # x86, Arm
            return frozenset(values.split())
    return frozenset()


def cpu_name() -> str:
    """Return what the kernel calls the CPU."""
    names = [line.partition(":")[2].strip() for line in _cpu_info() if line.startswith("model name")]
    return names[0] if names else platform.machine()


def _cpu_info() -> list[str]:
    try:
        return CPU_INFO.read_text(encoding="utf-8").splitlines()
    except OSError:  # a sandbox may hide it
        return []


def instruction_set(precision: PrecisionName) -> str:
    """Return the best instructions that this CPU has for a precision."""
    return next((name for name in INSTRUCTIONS[precision] if name in features()), platform.machine())


def has_vnni() -> bool:
    """Whether 8-bit products are added up in 32 bits, as Arm and every x86 CPU with VNNI (from 2019 on) does."""
    return platform.machine() != "x86_64" or any("vnni" in name for name in features())


def has_bfloat16() -> bool:
    """Whether the CPU multiplies bfloat16: with AMX at several times the rate of float32, without at twice."""
    return any(name in features() for name in INSTRUCTIONS["bfloat16"])


def affinities(threads: int) -> str:
    """Return a CPU for each thread but the caller's, counted from 1; empty unless there are as many threads as CPUs.

    ONNX Runtime does the same where it chooses the threads itself. Without it, the kernel puts two threads on one CPU
    for some milliseconds when the frontend wakes up: 0.5 % of the images of 16 clients, and of a lone one's time.
    """
    cpus = sorted(os.sched_getaffinity(0))
    return ";".join(str(cpu + 1) for cpu in cpus[1:]) if threads == len(cpus) else ""
