"""Execute the notebook; `python -m tests.unit.eda.notebook` writes its outputs into it."""

import os
from collections.abc import Mapping
from pathlib import Path

import nbformat
from nbclient import NotebookClient

NOTEBOOK = Path(__file__).parents[3] / "eda" / "cppe5_eda.ipynb"

FEATURES = "features"
"""Tag of the cells whose outputs depend on a model's features, which differ with the archive and, slightly, the CPU."""


def executed(**variables: str) -> nbformat.NotebookNode:
    """Return the notebook with fresh outputs, under these environment variables."""
    return execute(nbformat.read(NOTEBOOK, as_version=4), variables)


def execute(notebook: nbformat.NotebookNode, variables: Mapping[str, str]) -> nbformat.NotebookNode:
    """Run a notebook's cells in its folder; what they write to stderr stays in the outputs, but for progress bars."""
    client = NotebookClient(notebook, timeout=240, resources={"metadata": {"path": str(NOTEBOOK.parent)}})
    client.execute(env={**os.environ, "TQDM_DISABLE": "1", **variables})
    for cell in notebook.cells:
        cell.metadata.pop("execution", None)  # times differ in every run
    return notebook


if __name__ == "__main__":
    nbformat.write(executed(), NOTEBOOK)
