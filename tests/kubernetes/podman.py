"""podman: its commands, its copy of an image, and the pods' networks."""

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from scripts.common.paths import BUILD

# A pod in the internal one has no way out, as under the NetworkPolicy. Beside a Docker engine, whose firewall drops
# what it does not know, pods there do not reach each other either.
INTERNAL, OPEN = "classifier-internal", "classifier-open"
LIMIT = 4096  # open files and processes: podman would ask for more than some machines allow


class NoPodmanError(Exception):
    """Pods cannot be run here."""


def require() -> None:
    """Check that podman can run pods.

    Raises:
        NoPodmanError: it cannot.
    """
    if missing := [program for program in ("podman", "catatonit", "ip") if not _installed(program)]:
        raise NoPodmanError(
            f"{missing[0]} is not installed (Debian: apt-get install podman catatonit netavark iproute2)"
        )
    if os.geteuid() != 0:
        raise NoPodmanError("only root can give pods addresses that the tests reach")


def _installed(program: str) -> bool:
    return bool(shutil.which(program) or shutil.which(program, path="/usr/libexec/podman:/usr/lib/podman"))


def run(*command: str, stdin: str | None = None, timeout: float = 300.0) -> str:
    """Run a podman command and return its output."""
    result = attempt(*command, stdin=stdin, timeout=timeout)
    assert result.returncode == 0, f"podman {' '.join(command)}: {result.stderr}"
    return result.stdout.strip()


def attempt(*command: str, stdin: str | None = None, timeout: float = 300.0) -> subprocess.CompletedProcess[str]:
    """Run a podman command, which may fail."""
    return subprocess.run(
        ["podman", *command],
        input=stdin,
        capture_output=True,
        text=True,
        check=False,
        timeout=timeout,
        env={**os.environ, "CONTAINERS_CONF": str(_settings())},
    )


def _settings() -> Path:
    """Write podman's settings for this machine: an installed runtime, and limits that each machine allows."""
    runtime = "runc" if shutil.which("runc") else "crun"
    limits = [f"{name}={LIMIT}:{LIMIT}" for name in ("nofile", "nproc")]
    path = BUILD / "containers.conf"
    path.parent.mkdir(exist_ok=True)
    path.write_text(f'[engine]\nruntime = "{runtime}"\n[containers]\ndefault_ulimits = {json.dumps(limits)}\n')
    return path


def load_from_docker(image: str) -> str:
    """Copy an image from the Docker engine, unless podman has it, and return its name in podman's store."""
    name = f"localhost/{image}"
    command = ["docker", "image", "inspect", "--format", "{{.Id}}", image]
    wanted = subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    found = attempt("image", "inspect", "--format", "{{.Id}}", name).stdout.strip()
    if found != wanted.removeprefix("sha256:"):
        run("pull", "--quiet", f"docker-daemon:{image}", timeout=1200)
        run("tag", wanted.removeprefix("sha256:"), name)
        if found:
            run("rmi", "--force", found)  # the one before, of several GB
    return name


@contextmanager
def networks() -> Iterator[None]:
    """Provide the pods' networks."""
    attempt("network", "rm", "--force", INTERNAL, OPEN)  # of an interrupted run
    run("network", "create", "--internal", INTERNAL)
    run("network", "create", "--disable-dns", OPEN)
    try:
        yield
    finally:
        run("network", "rm", "--force", INTERNAL, OPEN)


def gateway_of(network: str) -> str:
    """Return the address that this machine has in a network."""
    return run("network", "inspect", "--format", "{{(index .Subnets 0).Gateway}}", network)


def keep_bridge_address(network: str) -> None:
    """Give a network's bridge the address that it has, for good.

    Otherwise it takes that of one of its pods, and once that pod is gone, the others send this machine nothing until
    they ask for the new address, up to two minutes later.
    """
    bridge = run("network", "inspect", "--format", "{{.NetworkInterface}}", network)
    address = Path("/sys/class/net", bridge, "address").read_text().strip()
    subprocess.run(["ip", "link", "set", "dev", bridge, "address", address], check=True)
