"""The long run of `make soak`, for seconds."""

import json
import subprocess
import sys
import threading
from pathlib import Path

import psutil

from scripts.build.sources import fallback
from scripts.common.example import example_image
from scripts.load.traffic import Traffic, kinds
from scripts.server.torchserve import TorchServe
from scripts.soak.soak import jpeg, soak
from tests.conftest import PROJECT

NOISY = {"memory, MB", "median of a prediction, ms"}  # of a server that has just begun, on a busy machine


def test_every_kind_is_answered_as_promised(server: TorchServe, inference: str) -> None:
    traffic = Traffic(kinds(inference, fallback.NAME, jpeg(example_image())))
    run = soak(traffic, server.management, 5.0)
    assert run.problems == {}
    assert set(run.answered) == {kind.name for kind in traffic.kinds}
    assert {promise.name for promise in run.promises() if not promise.kept} <= NOISY
    assert all(sample.front_end > 50_000_000 and sample.workers > 50_000_000 for sample in run.samples)


def test_a_broken_promise_is_told_and_ends_with_status_1(server: TorchServe, inference: str, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "scripts", "soak", "--url", inference, "--name", fallback.NAME, "--minutes", "0.3"]
    command += ["--clients", "16"]  # see test_faults.py
    worker = psutil.Process(server.management.version(fallback.NAME).pids[0])
    output = tmp_path / "soak.json"
    process = subprocess.Popen(
        [*command, "--output", str(output)], cwd=PROJECT, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert process.stdout is not None
    assert process.stdout.readline().startswith(f"asking {fallback.NAME} at {inference} for 0.3 minutes")
    threading.Timer(1.0, worker.kill).start()
    printed, failure = process.communicate(timeout=200)
    assert process.returncode == 1
    assert "workers restarted" in failure.splitlines()[-1]
    assert "BROKEN" in printed
    assert not {row["name"]: row["kept"] for row in json.loads(output.read_text())["promises"]}["workers restarted"]
    server.management.wait_ready(fallback.NAME)
