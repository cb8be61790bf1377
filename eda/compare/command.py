"""The command `python -m eda compare A B`: a page and JSON that say what differs."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from eda.compare.differences import compare
from eda.compare.joint import NAMES
from eda.compare.plots import plot_copies, plot_effects, plot_sides, plot_unlike
from eda.compare.result import Likeness
from eda.compare.side import Side, read_side
from eda.compare.two_sample import MIN_VECTORS
from eda.embeddings.archives import MODEL_STORE, find_archive
from eda.errors import ArchiveError
from eda.export import SCHEMA_VERSION, records
from eda.page import embed, page_templates
from eda.plots.style import Plot, join_words
from eda.sections import Table
from eda.tables import table_html


@dataclass(frozen=True)
class PhotoOptions:
    """What is done with the photos.

    archive: the model that compares them; by default the newest in the model store
    compared: whether they are compared by a model's features
    shown: whether the page shows them
    """

    archive: Path | None = None
    compared: bool = True
    shown: bool = True


def compare_folders(first_folder: Path, second_folder: Path, out: Path, photos: PhotoOptions) -> None:
    """Read both sides, compare them, write index.html and compare.json to `out`.

    Raises:
        EdaError: a side cannot be read, or the named archive cannot compute features.
    """
    first, second = read_side(first_folder), read_side(second_folder)
    found, missing = None, "Left out by --no-embeddings."
    if photos.compared:
        found, missing = liken(first, second, photos.archive)
    table = compare(first, second, [found.row()] if found else [])
    document = to_document(first, second, table, found, missing)
    out.mkdir(parents=True, exist_ok=True)
    text = json.dumps(document, indent=1, ensure_ascii=False, allow_nan=False)
    (out / "compare.json").write_text(text + "\n", encoding="utf-8")
    page = out / "index.html"
    page.write_text(render(document, table, found, pixels=photos.shown), encoding="utf-8")
    print(f"{page}: {document['summary']}")


def liken(first: Side, second: Side, named: Path | None, store: Path = MODEL_STORE) -> tuple[Likeness | None, str]:
    """Return how alike the photos are by a model's features, and "" or why that cannot be told.

    Raises:
        ArchiveError: the named archive cannot compute features. Without a name, that is no error.
    """
    reports = [name for name, side in zip(NAMES, (first, second), strict=True) if side.dataset is None]
    if reports:
        return None, f"{' and '.join(reports)}: a report without its photos; name the folder of data to compare them."
    try:
        archive = named or find_archive(store)
    except ArchiveError as error:
        return None, f"No model: {error}"
    from eda.compare.likeness import compare_photos  # noqa: PLC0415  (torch takes seconds to import)

    found = compare_photos(first, second, archive)
    return found, "" if found else f"A side has fewer than {MIN_VECTORS} photos that can be read."


def to_document(
    first: Side, second: Side, table: pd.DataFrame, found: Likeness | None = None, missing: str = ""
) -> dict[str, Any]:
    return {
        "schema_version": SCHEMA_VERSION,
        "first": describe(first),
        "second": describe(second),
        "only_in_first": [name for name in first.classes if name not in second.classes],
        "only_in_second": [name for name in second.classes if name not in first.classes],
        "summary": summarise(table),
        "comparisons": records(table.set_index("comparison")),
        "embeddings": found.to_document() if found else None,
        "no_embeddings": missing,
    }


def describe(side: Side) -> dict[str, Any]:
    return {
        "source": side.label,
        "synthetic": side.synthetic,
        "images": len(side.images),
        "boxes": len(side.boxes),
        "classes": list(side.classes),
    }


def summarise(table: pd.DataFrame) -> str:
    """Return one sentence on what differs."""
    total, differing = len(table), list(table.loc[table["differs"], "comparison"])
    if not differing:
        return f"None of {total} comparisons differs by more than noise."
    named = join_words([*differing[:5], *([f"{len(differing) - 5} more"] if len(differing) > 5 else [])])
    return f"{len(differing)} of {total} comparisons differ by more than noise: {named}."


def render(document: dict[str, Any], table: pd.DataFrame, found: Likeness | None, *, pixels: bool) -> str:
    note = (
        "A and B: means of images, or shares of images. effect: positive if larger in B. p: Mann-Whitney or Fisher, "
        "or of the photos a permutation test; adjusted for the number of comparisons (false discovery rate 0.05). "
        "differs: significant, and Cliff's delta is at least 0.147 or Cohen's h at least 0.2."
    )
    words = table[["significant", "differs"]].replace({True: "yes", False: "no"})
    shown = Table("Every comparison", note, table.assign(**words).rename(columns={"first": "A", "second": "B"}))
    return (
        page_templates()
        .get_template("compare.html.j2")
        .render(
            document=document,
            synthetic=document["first"]["synthetic"] or document["second"]["synthetic"],
            plots=[embed(plot) for plot in plots(table, found, pixels=pixels)],
            photos=found.sentence() if found else document["no_embeddings"],
            table=shown,
            html=table_html(shown.frame),
        )
    )


def plots(table: pd.DataFrame, found: Likeness | None, *, pixels: bool) -> list[Plot]:
    """Draw the effects, and the photos if they were compared."""
    drawn: list[Plot | None] = [plot_effects(table)] if len(table) else []
    if found:
        drawn += [plot_sides(found), plot_unlike(found, pixels=pixels), plot_copies(found, pixels=pixels)]
    return [plot for plot in drawn if plot]
