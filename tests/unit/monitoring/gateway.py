"""The gateway's /metrics, rendered by its own JavaScript in Node.js."""

import json
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import pytest

from scripts.common.paths import CONFIG

HERE = Path(__file__).parent
Request = dict[str, str]


def node() -> str:
    """Return the path of Node.js, which runs modules much as nginx does."""
    found = shutil.which("node")
    if found is None:
        pytest.skip("Node.js is not installed (Debian: apt-get install nodejs)")
    return found


def request(status: int, model: str = "", version: str = "default", responds: bool = True, **more: str) -> Request:
    """Return nginx's variables for a prediction.

    Args:
        status: of the response.
        model: the model that the client names, '' for requests without one.
        version: its version.
        responds: whether a model server responds.
        more: other variables.
    """
    target = {"model": model, "version": version, "upstream_header_time": "0.015" if responds else "-"} if model else {}
    return {"route": "predictions", "status": str(status), "request_time": "0.020", **target, **more}


@cache
def _metrics(requests: str, served: str) -> str:
    with tempfile.TemporaryDirectory() as folder:
        for source in (*(CONFIG / "nginx").glob("*.js"), HERE / "show_metrics.js"):
            shutil.copy(source, folder)
        (Path(folder) / "package.json").write_text('{"type": "module"}')
        command = [node(), f"{folder}/show_metrics.js", requests, served]
        result = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert result.returncode == 0, result.stderr
    return result.stdout


def metrics(requests: Sequence[Request], served: list[str] | None) -> str:
    """Return /metrics after these requests.

    Args:
        requests: see `request`.
        served: the models that the status service lists; None: it does not respond.
    """
    return _metrics(json.dumps(requests), json.dumps(served))
