"""Runs a command on a network of its own that has loopback alone, and counts what it wanted to send elsewhere."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.conftest import PROJECT

# The kernel counts a packet that no route leads to, whatever sends it, Java and C++ too. A name server outside makes
# lookups of names count.
PROGRAM = """
import fcntl, json, socket, struct, subprocess, sys
from pathlib import Path

record, name_server, *command = sys.argv[1:]
socket.sethostname("localhost")  # which /etc/hosts knows
with socket.socket() as probe:
    fcntl.ioctl(probe, 0x8914, struct.pack("16sH14x", b"lo", 1))  # SIOCSIFFLAGS, IFF_UP
if Path("/etc/resolv.conf").exists():
    subprocess.run(["mount", "--bind", name_server, "/etc/resolv.conf"], check=True)
status = subprocess.run(command).returncode
names, values = [line.split() for line in open("/proc/self/net/snmp") if line.startswith("Ip:")]
sixth = dict(line.split() for line in open("/proc/self/net/snmp6"))
sent = int(values[names.index("OutNoRoutes")]) + int(sixth["Ip6OutNoRoutes"])
Path(record).write_text(json.dumps({"status": status, "sent": sent}))
"""


@dataclass(frozen=True)
class Isolated:
    """What a command did.

    Args:
        status: its exit status.
        output: what it printed.
        sent: how many packets it wanted to send to other machines.
        files: what it wrote below its home directory.
    """

    status: int
    output: str
    sent: int
    files: list[Path]


def run_isolated(
    command: Sequence[str | Path], folder: Path, cwd: Path = PROJECT, timeout: float = 120, **environment: str
) -> Isolated:
    """Run a command with an empty home directory and without another network than loopback.

    Args:
        command: the command.
        folder: an empty folder, for the home directory and what is recorded.
        cwd: the working directory.
        timeout: seconds.
        environment: further variables.
    """
    namespaces = ["unshare", "--net", "--mount", "--uts"]
    if os.geteuid() != 0:
        namespaces += ["--user", "--map-root-user"]
    allowed = shutil.which("unshare") and not subprocess.run([*namespaces, "true"], check=False).returncode
    if not allowed:
        pytest.skip("this machine allows no network namespaces")
    home, record, name_server = folder / "home", folder / "record.json", folder / "resolv.conf"
    home.mkdir()
    name_server.write_text("nameserver 192.0.2.1\noptions timeout:1 attempts:1\n")
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("XDG_", "HF_", "DO_NOT_"))}
    inherited.pop("ORT_DISABLE_TELEMETRY", None)
    result = subprocess.run(
        [*namespaces, sys.executable, "-c", PROGRAM, str(record), str(name_server), *map(str, command)],
        cwd=cwd,
        env=inherited | {"HOME": str(home), "PYTHONDONTWRITEBYTECODE": "1"} | environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=True,
        timeout=timeout,
    )
    recorded = json.loads(record.read_text())
    files = [path.relative_to(home) for path in home.rglob("*") if path.is_file()]
    return Isolated(recorded["status"], result.stdout + result.stderr, recorded["sent"], files)
