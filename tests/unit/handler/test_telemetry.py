"""Nothing of this project reports its use: to a server, or in the home directory."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from handler.manifest import ONNX_PROGRAM
from handler.telemetry import VARIABLES
from tests.conftest import PROJECT
from tests.isolation import run_isolated
from tests.unit.handler.test_imports import worker

ONNX = "from handler.engines.onnx_runtime import OnnxEngine; OnnxEngine(Path(sys.argv[1]), 1)"
OPENVINO = """
from handler.engines.openvino import OpenVinoEngine
OpenVinoEngine(Path(sys.argv[1]), 1, "float32")
assert sys.modules["openvino_telemetry"] is None
"""
QUANTISATION = "import scripts.build.int8.quantise, scripts.build.int8.equalise"
HUB = """
from huggingface_hub.utils import _telemetry
_telemetry.send_telemetry("topic")  # as packages that build on it do
_telemetry._TELEMETRY_QUEUE.join()
"""
BUILD = f"import scripts.build.archive, transformers{HUB}"
EXPLORATION = f"import eda.hub{HUB}"


@pytest.mark.parametrize(
    "reports",
    [
        "import socket; socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b'', ('192.0.2.1', 9))",
        "import socket; socket.socket(socket.AF_INET6, socket.SOCK_DGRAM).sendto(b'', ('2001:db8::1', 9))",
        "import socket; socket.create_connection(('telemetry.invalid', 443), 1)",
        "from pathlib import Path; (Path.home() / 'device-id').write_text('1')",
    ],
)
def test_reports_would_be_seen(tmp_path: Path, reports: str) -> None:
    found = run_isolated([sys.executable, "-c", reports], tmp_path)
    assert found.sent or found.files


@pytest.mark.parametrize("code", [ONNX, OPENVINO, QUANTISATION, BUILD, EXPLORATION])
def test_packages_report_nothing(tiny_model: Path, tmp_path: Path, code: str) -> None:
    program = f"import sys\nfrom pathlib import Path\n{code}"
    found = run_isolated([sys.executable, "-c", program, tiny_model / ONNX_PROGRAM], tmp_path)
    assert (found.status, found.sent, found.files) == (0, 0, []), found.output


def test_a_worker_reports_nothing(tiny_model: Path, tmp_path: Path) -> None:
    found = run_isolated([sys.executable, "-W", "ignore", "-c", worker(tiny_model)], tmp_path, tiny_model)
    assert (found.status, found.sent, found.files) == (0, 0, []), found.output


@pytest.mark.parametrize("command", ["show", "models", "rollout", "bench", "soak", "fuzz", "tune"])
def test_commands_report_nothing(tiny_archive: Path, tmp_path: Path, command: str) -> None:
    words = [str(tiny_archive)] if command == "show" else ["--help"]
    found = run_isolated([sys.executable, "-m", "scripts", command, *words], tmp_path)
    assert (found.status, found.sent, found.files) == (0, 0, []), found.output


@pytest.mark.parametrize("package", ["handler", "scripts", "eda", "scripts.bench.peers"])
def test_every_package_turns_telemetry_off(package: str, tmp_path: Path) -> None:
    """Whatever is imported first, and with it in the processes that it starts."""
    code = (
        f"import json, os, sys, {package}; print(json.dumps([dict(os.environ), 'openvino_telemetry' in sys.modules]))"
    )
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=PROJECT, env={})
    environment, blocked = json.loads(done.stdout)
    assert {name: environment.get(name) for name in VARIABLES} == dict.fromkeys(VARIABLES, "1")
    assert environment["HF_UPDATE_DOWNLOAD_COUNTS"] == "0"
    assert blocked
