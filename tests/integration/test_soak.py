"""The long load of `make soak`, for seconds."""

import json
import subprocess
import sys
import threading
from pathlib import Path

import psutil

from scripts.build.sources import fallback
from scripts.common.example import example_image
from scripts.load.load import Load
from scripts.load.mix import valid_and_invalid
from scripts.server.torchserve import TorchServe
from scripts.soak.soak import jpeg, soak
from tests.conftest import PROJECT

NOISY = {"memory, MB", "median latency, ms"}  # of a server that has just started, on a busy machine


def test_each_kind_has_the_expected_response(server: TorchServe, inference: str) -> None:
    requests = valid_and_invalid(inference, fallback.NAME, jpeg(example_image()))
    run = soak(Load(requests, clients=4), server.management, 5.0)
    assert run.problems == {}
    assert set(run.expected) == {request.name for request in requests}
    assert {check.name for check in run.checks() if not check.passed} <= NOISY
    assert all(sample.frontend > 50_000_000 and sample.workers > 50_000_000 for sample in run.samples)


def test_a_failed_check_ends_the_command_with_status_1(server: TorchServe, inference: str, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "scripts", "soak", "--url", inference, "--name", fallback.NAME, "--minutes", "0.3"]
    command += ["--clients", "16"]  # see test_faults.py
    worker = psutil.Process(server.management.version(fallback.NAME).pids[0])
    output = tmp_path / "soak.json"
    process = subprocess.Popen(
        [*command, "--output", str(output)], cwd=PROJECT, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert process.stdout is not None
    assert process.stdout.readline().startswith(f"testing {fallback.NAME} at {inference} for 0.3 minutes")
    threading.Timer(1.0, worker.kill).start()
    printed, error = process.communicate(timeout=200)
    assert process.returncode == 1
    assert "workers restarted" in error.splitlines()[-1]
    assert "FAILED" in printed
    assert not {row["name"]: row["passed"] for row in json.loads(output.read_text())["checks"]}["workers restarted"]
    server.management.wait_ready(fallback.NAME)
