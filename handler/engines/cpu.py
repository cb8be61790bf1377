"""What this machine's CPUs can do, and which of them a worker's threads run on."""

import os
import platform
from pathlib import Path


def has_vnni() -> bool:
    """Whether 8-bit products are added up in 32 bits, as Arm and every x86 CPU with VNNI (from 2019 on) does."""
    if platform.machine() != "x86_64":
        return True
    return "vnni" in Path("/proc/cpuinfo").read_text(encoding="utf-8")


def affinities(threads: int) -> str:
    """Return a CPU for each thread but the caller's, counted from 1; empty unless there are as many threads as CPUs.

    ONNX Runtime does the same where it chooses the threads itself. Without it, the kernel puts two threads on one CPU
    for some milliseconds when the frontend wakes up: 0.5 % of the images of 16 clients, and of a lone one's time.
    """
    cpus = sorted(os.sched_getaffinity(0))
    return ";".join(str(cpu + 1) for cpu in cpus[1:]) if threads == len(cpus) else ""
