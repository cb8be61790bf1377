"""The notebook runs, explains every cell and shows no photo."""

import base64
import io
import re
from itertools import pairwise
from pathlib import Path

import nbformat
import pytest
from PIL import Image

from tests.unit.eda.notebook import NOTEBOOK, executed


@pytest.fixture(scope="module")
def committed() -> nbformat.NotebookNode:
    return nbformat.read(NOTEBOOK, as_version=4)


def results(notebook: nbformat.NotebookNode) -> list[str]:
    """Return the Markdown outputs of the cells, in order."""
    outputs = [output for cell in notebook.cells if cell.cell_type == "code" for output in cell.outputs]
    return [output["data"]["text/markdown"] for output in outputs if "text/markdown" in output.get("data", {})]


def test_committed_outputs_are_current(real_folder: Path, committed: nbformat.NotebookNode) -> None:
    assert results(executed()) == results(committed)


def test_runs_on_synthetic_data(tmp_path: Path) -> None:
    captions = results(executed(str(tmp_path / "nowhere")))
    assert captions[0].startswith("**SYNTHETIC")
    assert sum("SYNTHETIC DATA" in caption for caption in captions) > 10


def test_every_code_cell_has_an_introduction_and_a_result(
    committed: nbformat.NotebookNode,
) -> None:
    cells = committed.cells
    for before, cell in pairwise(cells):
        if cell.cell_type == "code":
            assert before.cell_type == "markdown", cell.source
            assert any("text/markdown" in output.get("data", {}) for output in cell.outputs), cell.source
    assert all(output.output_type != "error" for cell in cells for output in cell.get("outputs", []))


def test_prose_contains_no_results(committed: nbformat.NotebookNode) -> None:
    for cell in committed.cells:
        if cell.cell_type == "markdown":
            numbers = re.findall(r"\d+", cell.source.replace("CPPE-5", "").replace("cppe5", "").replace("CPPE5", ""))
            assert set(numbers) <= {"95"}, cell.source


def test_committed_outputs_are_from_the_real_test_split(committed: nbformat.NotebookNode) -> None:
    assert "29 images in test, 207 boxes" in results(committed)[0]
    assert not any("SYNTHETIC" in result for result in results(committed))


def test_no_photos_and_no_local_paths(committed: nbformat.NotebookNode) -> None:
    plots = 0
    for cell in committed.cells:
        for output in cell.get("outputs", []):
            data = output.get("data", {})
            assert "image/jpeg" not in data
            if "image/png" in data:
                plots += 1
                # Plots are stored with a palette (eda.plots.style), photos as JPEG.
                assert Image.open(io.BytesIO(base64.b64decode(data["image/png"]))).mode == "P"
    assert plots >= 15
    text = NOTEBOOK.read_text(encoding="utf-8")
    assert not re.search(r"/(home|work|tmp|root)/", text)
