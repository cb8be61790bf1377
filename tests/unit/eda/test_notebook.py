"""The notebook runs, explains every cell and shows no photo."""

import base64
import io
import re
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import nbformat
import numpy as np
import pytest
from bs4 import BeautifulSoup
from nbconvert import HTMLExporter
from PIL import Image

from eda.conclusions import conclusions
from eda.explore import Exploration
from tests.unit.eda.notebook import FEATURES, NOTEBOOK, execute, executed

MAX_CELLS = 60


@pytest.fixture(scope="module")
def committed() -> nbformat.NotebookNode:
    return nbformat.read(NOTEBOOK, as_version=4)


def outputs_of(notebook: nbformat.NotebookNode) -> Iterator[Any]:
    for cell in notebook.cells:
        yield from cell.get("outputs", [])


def pictures_of(notebook: nbformat.NotebookNode) -> list[Any]:
    return [output for output in outputs_of(notebook) if "image/png" in output.get("data", {})]


def results(notebook: nbformat.NotebookNode) -> list[str]:
    """Return the Markdown outputs of the cells, in order."""
    return [
        output["data"]["text/markdown"] for output in outputs_of(notebook) if "text/markdown" in output.get("data", {})
    ]


def messages(notebook: nbformat.NotebookNode) -> list[str]:
    """Return what the cells wrote to stdout and stderr."""
    return [output["text"] for output in outputs_of(notebook) if output.output_type == "stream"]


def without_features(notebook: nbformat.NotebookNode) -> nbformat.NotebookNode:
    """Return a copy without the cells that need a model's features."""
    kept = [cell for cell in notebook.cells if FEATURES not in cell.metadata.get("tags", [])]
    return nbformat.from_dict({**notebook, "cells": kept})


def test_committed_outputs_are_current(real_folder: Path, committed: nbformat.NotebookNode) -> None:
    fresh = execute(without_features(committed), {})
    assert results(fresh) == results(without_features(committed))


def test_committed_conclusions_are_current(real: Exploration, committed: nbformat.NotebookNode) -> None:
    shown = results(committed)[-1].splitlines()
    assert [f"- {sentence}" for sentence in conclusions(real)] == shown[:-1]
    assert "features of resnet-50" in shown[-1]


@pytest.fixture(scope="module")
def unreachable(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Name no folder, a Hub at a closed port, an empty cache, and a model store without an archive."""
    folder = tmp_path_factory.mktemp("nowhere")
    return {
        "CPPE5_DATA": "",
        "HF_ENDPOINT": "http://127.0.0.1:9",
        "HF_HOME": str(folder),
        "EDA_MODEL_STORE": str(folder),
    }


@pytest.fixture(scope="module")
def synthetic(unreachable: dict[str, str]) -> nbformat.NotebookNode:
    return executed(**unreachable)


def test_without_a_folder_it_asks_the_hub_then_draws_a_sample_with_a_warning(
    synthetic: nbformat.NotebookNode,
) -> None:
    (warning,) = messages(synthetic)
    assert warning.startswith("The Hugging Face Hub did not give rishitdagli/cppe-5")
    assert warning.endswith("Using a generated SYNTHETIC sample instead.\n")
    captions = results(synthetic)
    assert captions[0].startswith("**SYNTHETIC DATA · generated sample of 40 images**")
    assert sum("SYNTHETIC DATA" in caption for caption in captions) > 15
    assert captions[-1].startswith("SYNTHETIC DATA: none of this describes CPPE-5.")


def test_without_an_archive_it_says_how_to_get_one(synthetic: nbformat.NotebookNode) -> None:
    told = [caption for caption in results(synthetic) if "has no archive; pack one with `make archive`" in caption]
    assert len(told) == 4
    assert "by the features of" not in results(synthetic)[-1]


def test_with_an_archive_it_shows_what_the_features_tell(
    tiny_archive: Path, real_folder: Path, unreachable: dict[str, str]
) -> None:
    variables = {"CPPE5_DATA": str(real_folder), "EDA_MODEL_STORE": str(tiny_archive.parent)}
    shown = executed(**{**unreachable, **variables})
    assert messages(shown) == []
    assert any(caption.startswith("**Map of the images.** 29 images") for caption in results(shown))
    assert "by the features of" in results(shown)[-1].splitlines()[-1].lower()


def test_every_code_cell_has_an_introduction_and_a_result(
    committed: nbformat.NotebookNode,
) -> None:
    cells = committed.cells
    assert len(cells) <= MAX_CELLS
    for before, cell in pairwise(cells):
        if cell.cell_type == "code":
            assert before.cell_type == "markdown", cell.source
            assert len(before.source) > 100, before.source
            assert any("text/markdown" in output.get("data", {}) for output in cell.outputs), cell.source


def test_no_errors_no_warnings(committed: nbformat.NotebookNode) -> None:
    assert all(output.output_type != "error" for output in outputs_of(committed))
    assert messages(committed) == []


def test_prose_contains_no_results(committed: nbformat.NotebookNode) -> None:
    for cell in committed.cells:
        if cell.cell_type == "markdown":
            numbers = re.findall(r"\d+", cell.source.replace("CPPE-5", "").replace("cppe5", "").replace("CPPE5", ""))
            assert set(numbers) <= {"95"}, cell.source


@pytest.mark.parametrize(
    "term",
    [
        "ECDF",
        "letter-value plot",
        "violin plot",
        "Cliff's delta",
        "Wilson's interval",
        "bootstrap",
        "anchors",
        "IoU",
        "perceptual hash",
        "relative size",
        "non-maximum suppression",
        "t-SNE",
        "AP",
    ],
)
def test_a_term_is_explained(committed: nbformat.NotebookNode, term: str) -> None:
    """The first text with a term sets it in italics, or explains it in brackets."""
    texts = [" ".join(cell.source.split()) for cell in committed.cells if cell.cell_type == "markdown"]
    first = next(text for text in texts if re.search(rf"\b{term}\b", text))
    assert re.search(rf"\*{term}[*']|\({term}\)|\*.*\* \({term}", first), first


def test_the_first_cells_work_on_the_tables(committed: nbformat.NotebookNode) -> None:
    code = [cell for cell in committed.cells if cell.cell_type == "code"]
    for cell, call in zip(code[1:5], (".head()", ".groupby(", ".agg(", ".merge("), strict=True):
        assert call in cell.source
        assert "plot_" not in cell.source
        assert any("text/html" in output.get("data", {}) for output in cell.outputs)


def test_committed_outputs_are_from_the_real_test_split(committed: nbformat.NotebookNode) -> None:
    assert "29 images in test, 207 boxes" in results(committed)[0]
    assert not any("SYNTHETIC" in result for result in results(committed))


def test_no_photos_and_no_local_paths(committed: nbformat.NotebookNode) -> None:
    pictures = pictures_of(committed)
    assert len(pictures) >= 15
    assert not any("image/jpeg" in output.get("data", {}) for output in outputs_of(committed))
    for output in pictures:
        image = Image.open(io.BytesIO(base64.b64decode(output["data"]["image/png"])))
        # Plots are stored with a palette (eda.plots.style), photos as JPEG.
        assert image.mode == "P"
        # Of a plot, most neighbouring pixels are of one colour, unlike a photo's.
        colours = np.asarray(image.convert("RGB"), dtype=np.int16)
        assert (np.diff(colours, axis=1) == 0).all(axis=2).mean() > 0.9
    text = NOTEBOOK.read_text(encoding="utf-8")
    assert not re.search(r"/(home|work|tmp|root)/", text)


def test_every_picture_has_alternative_text(committed: nbformat.NotebookNode) -> None:
    texts = [output["metadata"]["image/png"]["alt"] for output in pictures_of(committed)]
    assert all(re.search(r"\w.*: .*\d.*\.$", text) for text in texts), texts
    assert len(set(texts)) == len(texts)


def test_an_html_export_has_the_alternative_texts(committed: nbformat.NotebookNode) -> None:
    page, _ = HTMLExporter().from_notebook_node(committed)  # type: ignore[no-untyped-call]
    pictures = BeautifulSoup(page, "html.parser").find_all("img")
    assert [picture["alt"] for picture in pictures] == [
        output["metadata"]["image/png"]["alt"] for output in pictures_of(committed)
    ]
