"""Execute the notebook; `python -m tests.unit.eda.notebook` writes its outputs into it."""

import os
from pathlib import Path

import nbformat
from nbclient import NotebookClient

NOTEBOOK = Path(__file__).parents[3] / "eda" / "cppe5_eda.ipynb"


def executed(folder: str | None = None) -> nbformat.NotebookNode:
    """Return the notebook with fresh outputs, on the data in `folder` or on the notebook's default."""
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    environment = {**os.environ, **({"CPPE5_DATA": folder} if folder else {})}
    client = NotebookClient(notebook, timeout=120, resources={"metadata": {"path": str(NOTEBOOK.parent)}})
    client.execute(env=environment)
    for cell in notebook.cells:
        # Times and progress bars differ in every run.
        cell.metadata.pop("execution", None)
        if cell.cell_type == "code":
            cell.outputs = [output for output in cell.outputs if output.get("name") != "stderr"]
    return notebook


if __name__ == "__main__":
    nbformat.write(executed(), NOTEBOOK)
