"""No engine reports its use, to a server or in the home directory."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from handler.manifest import ONNX_PROGRAM
from tests.conftest import PROJECT

ONNX = "from handler.engines.onnx_runtime import OnnxEngine; OnnxEngine(Path(sys.argv[1]), 1)"
OPENVINO = """
from handler.engines.openvino import OpenVinoEngine
OpenVinoEngine(Path(sys.argv[1]), 1, "float32")
assert sys.modules["openvino_telemetry"] is None
"""
QUANTISATION = "import scripts.build.int8.quantise, scripts.build.int8.equalise"


@pytest.mark.parametrize("code", [ONNX, OPENVINO, QUANTISATION])
def test_an_engine_leaves_nothing_behind(tiny_model: Path, tmp_path: Path, code: str) -> None:
    home = {"HOME": str(tmp_path), "XDG_CACHE_HOME": str(tmp_path / "cache"), "PYTHONDONTWRITEBYTECODE": "1"}
    command = [sys.executable, "-c", f"import sys\nfrom pathlib import Path\n{code}", str(tiny_model / ONNX_PROGRAM)]
    subprocess.run(command, check=True, cwd=PROJECT, env=os.environ | home)
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []
