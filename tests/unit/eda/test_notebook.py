"""The notebook runs top to bottom, asks before and says after every cell, and holds no photo."""

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


def said(notebook: nbformat.NotebookNode) -> list[str]:
    """Return the sentences that the cells computed, in order."""
    outputs = [output for cell in notebook.cells if cell.cell_type == "code" for output in cell.outputs]
    return [output["data"]["text/markdown"] for output in outputs if "text/markdown" in output.get("data", {})]


def test_it_runs_top_to_bottom_and_says_what_is_committed(real_folder: Path, committed: nbformat.NotebookNode) -> None:
    assert said(executed()) == said(committed)


def test_it_runs_on_generated_data_and_says_so(tmp_path: Path) -> None:
    sentences = said(executed(str(tmp_path / "nowhere")))
    assert sentences[0].startswith("**SYNTHETIC")
    assert sum("SYNTHETIC DATA" in sentence for sentence in sentences) > 10


def test_every_code_cell_is_introduced_and_followed_by_what_was_seen(
    committed: nbformat.NotebookNode,
) -> None:
    cells = committed.cells
    for before, cell in pairwise(cells):
        if cell.cell_type == "code":
            assert before.cell_type == "markdown", cell.source
            sentences = [o["data"]["text/markdown"] for o in cell.outputs if "text/markdown" in o.get("data", {})]
            assert sentences, cell.source
    assert all(output.output_type != "error" for cell in cells for output in cell.get("outputs", []))


def test_prose_types_no_result(committed: nbformat.NotebookNode) -> None:
    for cell in committed.cells:
        if cell.cell_type == "markdown":
            numbers = re.findall(r"\d+", cell.source.replace("CPPE-5", "").replace("cppe5", "").replace("CPPE5", ""))
            assert set(numbers) <= {"95"}, cell.source


def test_the_committed_outputs_are_of_the_real_test_split(committed: nbformat.NotebookNode) -> None:
    assert "29 images in test, 207 boxes" in said(committed)[0]
    assert not any("SYNTHETIC" in sentence for sentence in said(committed))


def test_no_photo_and_no_path_of_a_machine_is_in_it(committed: nbformat.NotebookNode) -> None:
    pictures = 0
    for cell in committed.cells:
        for output in cell.get("outputs", []):
            data = output.get("data", {})
            assert "image/jpeg" not in data
            if "image/png" in data:
                pictures += 1
                picture = Image.open(io.BytesIO(base64.b64decode(data["image/png"])))
                # plots are stored with a palette (eda.plots.style), photos as JPEG
                assert picture.mode == "P"
    assert pictures >= 15
    text = NOTEBOOK.read_text(encoding="utf-8")
    assert not re.search(r"/(home|work|tmp|root)/", text)
