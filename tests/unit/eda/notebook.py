"""Run the notebook; `python -m tests.unit.eda.notebook` writes the outputs into it."""

import os
from pathlib import Path

import nbformat
from nbclient import NotebookClient

NOTEBOOK = Path(__file__).parents[3] / "eda" / "cppe5_eda.ipynb"


def executed(folder: str | None = None) -> nbformat.NotebookNode:
    """Return the notebook with fresh outputs, on `folder` or where the notebook looks by itself."""
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    environment = {**os.environ, **({"CPPE5_DATA": folder} if folder else {})}
    client = NotebookClient(notebook, timeout=120, resources={"metadata": {"path": str(NOTEBOOK.parent)}})
    client.execute(env=environment)
    for cell in notebook.cells:
        # times and progress bars would change the file at every run and say nothing
        cell.metadata.pop("execution", None)
        if cell.cell_type == "code":
            cell.outputs = [output for output in cell.outputs if output.get("name") != "stderr"]
    return notebook


if __name__ == "__main__":
    nbformat.write(executed(), NOTEBOOK)
