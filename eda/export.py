"""Write what the report shows as data: measures.json and tables in Parquet."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from eda.check.findings import summary
from eda.explore import Exploration
from eda.measure.anchors import INPUT_SIZES, anchor_table, input_size_table, suggested_input_size
from eda.measure.boxes import size_table
from eda.measure.classes import class_table
from eda.measure.health import health_score, health_table
from eda.measure.spatial import co_occurrence, overlap_table

SCHEMA_VERSION = 1
"""Of measures.json and the Parquet tables; it rises when a name or a meaning changes, not when one is added."""

MEASURES = "measures.json"
IMAGES, BOXES, FINDINGS, VALUES = "images.parquet", "boxes.parquet", "findings.parquet", "measures.parquet"

HARDEST = 100
"""Images in the table of the hardest; boxes and images of all are in the Parquet tables."""


def write_measures(exploration: Exploration, sentences: Sequence[Mapping[str, str]], folder: Path) -> None:
    """Write MEASURES, IMAGES, BOXES, FINDINGS and VALUES to `folder`.

    Args:
        exploration: what was measured.
        sentences: the report's captions, each with section, title and text.
        folder: an existing folder.
    """
    dataset = exploration.dataset
    tables = measure_tables(exploration)
    document = {
        "schema_version": SCHEMA_VERSION,
        "name": dataset.name,
        "source": dataset.label,
        "synthetic": dataset.synthetic,
        "classes": list(dataset.classes),
        "splits": dataset.splits,
        "images": len(dataset.images),
        "boxes": len(dataset.boxes),
        "excluded_boxes": exploration.excluded_boxes,
        "compared_splits": exploration.compared,
        "health": {"score": health_score(tables["health"]), "parts": records(tables["health"])},
        "sentences": list(sentences),
        "tables": {name: records(table) for name, table in tables.items() if name != "health"},
    }
    text = json.dumps(document, indent=1, ensure_ascii=False, allow_nan=False)
    (folder / MEASURES).write_text(text + "\n", encoding="utf-8")
    exploration.images.rename_axis("image_row").reset_index().to_parquet(folder / IMAGES, index=False)
    exploration.boxes.rename_axis("box_row").reset_index().to_parquet(folder / BOXES, index=False)
    exploration.findings.to_parquet(folder / FINDINGS, index=False)
    long_table(tables).to_parquet(folder / VALUES, index=False)


def measure_tables(exploration: Exploration) -> dict[str, pd.DataFrame]:
    """Return every measured table by name, with the row's name as its index."""
    images, boxes = exploration.images, exploration.boxes
    tables = {
        "health": health_table(exploration.dataset, exploration.findings),
        "findings_by_rule": summary(exploration.findings).set_index("rule"),
        "hardest_images": exploration.hardest.head(HARDEST).rename_axis("image_row"),
    }
    if not exploration.differences.empty:
        tables["split_differences"] = exploration.differences.set_index("comparison")
    if found := exploration.embeddings:
        tables |= {
            "image_features": found.images.rename_axis("image_row"),
            "image_clusters": found.clusters.set_index("cluster"),
            "similar_images": found.pairs.rename_axis("pair"),
            "doubtful_boxes": found.doubtful.rename_axis("box_row"),
        }
    if len(boxes):
        sizes = input_size_table(boxes)
        tables |= {
            "classes": class_table(images, boxes),
            "sizes": size_table(boxes),
            "co_occurrence": co_occurrence(boxes),
            "overlap": overlap_table(boxes),
            "input_sizes": sizes,
            "anchors": anchor_table(boxes, suggested_input_size(sizes) or INPUT_SIZES[-1]),
        }
    return tables


def records(table: pd.DataFrame) -> list[dict[str, Any]]:
    """Return a table's rows as JSON objects, the index as its first key; NaN becomes null."""
    name = str(table.index.name or "index")
    while name in table:  # a class that is named like the index
        name = f"({name})"
    named = table.rename_axis(index=name).reset_index()
    found: list[dict[str, Any]] = json.loads(named.to_json(orient="records", double_precision=15))
    return found


def long_table(tables: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """Return all tables as one: table, row, column, and value (a number) or text."""
    rows = [
        {
            "table": name,
            "row": str(row),
            "column": str(column),
            "value": None if isinstance(cell, str) else float(cell),
            "text": cell if isinstance(cell, str) else None,
        }
        for name, table in tables.items()
        for column in table.columns
        for row, cell in table[column].items()
    ]
    kinds = {"table": "str", "row": "str", "column": "str", "value": "float64", "text": "str"}
    return pd.DataFrame(rows, columns=list(kinds)).astype(kinds)
