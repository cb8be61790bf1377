"""Runs the peers: one process of uvicorn each."""

import ctypes
import os
import signal
import socket
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil
import requests

from scripts.bench.peers.images import MODEL_DIRECTORY
from scripts.common.environments import Environment
from scripts.common.errors import CommandError
from scripts.common.example import example_image
from scripts.common.paths import BUILD, PROJECT
from scripts.common.waiting import wait_until
from scripts.server.torchserve import PR_SET_PDEATHSIG

ENVIRONMENT = Environment(BUILD / "peers", Path(__file__).with_name("requirements.txt"), "the servers to compare with")
APPS = {"FastAPI + ONNX Runtime": "app_onnxruntime", "FastAPI + OpenVINO": "app_openvino"}  # name -> module
START_TIMEOUT = 60.0  # s until the first prediction


@dataclass(frozen=True)
class Peer:
    """A running peer.

    Args:
        name: what tables call it.
        url: the prediction address.
        process: of uvicorn, which computes too.
    """

    name: str
    url: str
    process: psutil.Process

    @property
    def frontend(self) -> list[psutil.Process]:
        """Processes that only pass requests on: none."""
        return []

    @property
    def workers(self) -> list[psutil.Process]:
        """Processes that compute."""
        return [self.process]

    def batches(self) -> tuple[float, float]:
        """Return zeros: it has no batches."""
        return 0.0, 0.0


@contextmanager
def all_running(model: Path, logs: Path) -> Iterator[list[Peer]]:
    """Run every peer while the body runs.

    Args:
        model: the unpacked archive.
        logs: the folder to write logs to.

    Raises:
        CommandError: a peer could not be installed, or does not predict.
    """
    with ExitStack() as stack:
        yield [stack.enter_context(_running(name, model, logs / f"{module}.log")) for name, module in APPS.items()]


@contextmanager
def _running(name: str, model: Path, log: Path) -> Iterator[Peer]:
    python, port = ENVIRONMENT.ensure(), _free_port()
    command = [python, "-m", "uvicorn", f"scripts.bench.peers.{APPS[name]}:app"]
    command += ["--host", "127.0.0.1", "--port", str(port), "--no-access-log"]
    with log.open("wb") as output:
        process = psutil.Popen(
            command,
            cwd=PROJECT,
            env=os.environ | {MODEL_DIRECTORY: str(model)},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            preexec_fn=_end_with_parent,
        )
    peer = Peer(name, f"http://127.0.0.1:{port}/predict", process)
    try:
        if not wait_until(lambda: _predicts(peer, log), START_TIMEOUT):
            raise CommandError(f"{name} does not respond after {START_TIMEOUT:.0f} s: {_last_line(log)}")
        yield peer
    finally:
        os.killpg(process.pid, signal.SIGKILL)  # it has nothing to finish
        process.wait()


def _end_with_parent() -> None:
    """Have the kernel end this process when its parent has ended in any way."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _predicts(peer: Peer, log: Path) -> bool:
    if peer.process.poll() is not None:
        raise CommandError(f"{peer.name} ended while starting: {_last_line(log)}")
    try:
        response = requests.post(peer.url, data=example_image().read_bytes(), timeout=START_TIMEOUT)
    except requests.ConnectionError:
        return False
    if not response.ok:
        raise CommandError(f"{peer.name} responded with status {response.status_code}: {_last_line(log)}")
    return True


def _last_line(log: Path) -> str:
    """Return what a log ends with: the benchmark's own folder is gone once it has failed."""
    return (log.read_text(encoding="utf-8", errors="replace").strip().splitlines() or ["its log is empty"])[-1]
