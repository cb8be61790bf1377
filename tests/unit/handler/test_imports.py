"""Serve time knows neither Hugging Face nor this project's other packages."""

import subprocess
import sys
from pathlib import Path

from tests.conftest import PROJECT

# torchvision would add 160 MB and more than a second to every worker.
FORBIDDEN = ("torchvision", "transformers", "huggingface_hub", "scripts", "eda", "model_archiver", "onnxscript")


def worker(model: Path) -> str:
    """Return code that loads an unpacked archive as TorchServe does, from its own folder, and answers a photo."""
    return f"""
import os, sys
os.environ["REQUEST_LOG"] = "off"
sys.path.insert(0, {str(model)!r})
import entry_point
from ts.context import Context, RequestProcessor
from ts.metrics.metric_cache_yaml_impl import MetricsCacheYamlImpl
metrics = MetricsCacheYamlImpl({str(PROJECT / "config" / "metrics.yaml")!r})
metrics.initialize_cache()
context = Context("m", {str(model)!r}, {{}}, 1, None, "0.12.0", True, metrics, {{}})
service = entry_point.EntryPoint()
service.initialize(context)
context.request_processor, context.request_ids = [RequestProcessor({{}})], {{0: "a"}}
service.handle([{{"body": b"text"}}], context)
import handler
assert handler.__file__.startswith({str(model)!r}), handler.__file__
"""


def test_a_worker_imports_nothing_of_build_time(tiny_model: Path) -> None:
    code = (
        worker(tiny_model) + f"print(*sorted(name for name in sys.modules if name.partition('.')[0] in {FORBIDDEN!r}))"
    )
    command = [sys.executable, "-W", "ignore", "-c", code]
    result = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tiny_model)
    assert result.returncode == 0, result.stderr
    assert result.stdout.strip() == ""
