"""A server in a control group with half a CPU, as a container or a systemd unit has it."""

import subprocess
import sys
from pathlib import Path

from tests.control_groups import half_a_cpu, inside
from tests.integration.conftest import free_ports


def test_a_server_starts_and_predicts_with_one_thread(project: Path, tiny_directory: Path) -> None:
    port = str(free_ports().inference)
    model = ["--model", str(tiny_directory)]
    subprocess.run([sys.executable, "-m", "scripts", "archive", *model], check=True, cwd=project)
    command = [sys.executable, "-m", "scripts", "demo", *model, "--port", port]
    with half_a_cpu() as group:
        done = subprocess.run(
            inside(group, command), capture_output=True, text=True, check=False, cwd=project, timeout=250
        )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "class " in done.stdout
    log = (project / "build" / "demo" / port / "logs" / "torchserve.log").read_text()
    assert "cpu with 1 threads" in log
