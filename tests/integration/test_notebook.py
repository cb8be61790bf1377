"""Runs the notebook."""

import os
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

from scripts.common.paths import PROJECT
from tests.integration.conftest import free_ports

NOTEBOOK = PROJECT / "scripts" / "notebook" / "image_classification.ipynb"


def run(folder: Path, environment: dict[str, str]) -> str:
    """Run the notebook in a folder and return its output, with `<picture>` for each picture."""
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    with pytest.MonkeyPatch.context() as patch:
        for name, value in environment.items():
            patch.setenv(name, value)
        NotebookClient(
            notebook, timeout=1500, kernel_name="python3", resources={"metadata": {"path": str(folder)}}
        ).execute()
    outputs = [output for cell in notebook.cells if cell.cell_type == "code" for output in cell.outputs]
    return "".join(
        output.get("text", "") or ("<picture>" if "image/png" in output.get("data", {}) else "") for output in outputs
    )


def test_notebook(fallback_archive: Path) -> None:
    port = str(free_ports().inference)
    folder = PROJECT / "config" / "nginx"  # any folder works; tests/e2e runs it in its own
    printed = run(folder, {"SERVICE": "local", "PORT": port, "MODEL": "", "NAME": ""})
    assert "This notebook uses the local server of make serve, because SERVICE=local is set" in printed
    assert "$ curl -H 'Accept: text/plain' -T" in printed
    assert '"class_id"' in printed
    assert "<picture>" in printed
    assert "415 the body is no JPEG" in printed
    assert "['READY', 'READY']" in printed
    assert "'answered'" in printed
    assert printed.endswith("TorchServe is stopped\n")


def test_outputs_are_not_committed() -> None:
    for cell in nbformat.read(NOTEBOOK, as_version=4).cells:
        if cell.cell_type == "code":
            assert not cell.outputs
            assert cell.execution_count is None
    assert os.path.expanduser("~") not in NOTEBOOK.read_text(encoding="utf-8")  # noqa: PTH111 - the text, not a path


def test_every_code_cell_is_explained() -> None:
    kinds = [cell.cell_type for cell in nbformat.read(NOTEBOOK, as_version=4).cells]
    assert kinds[0] == "markdown"
    assert kinds.count("markdown") >= kinds.count("code") - 2
