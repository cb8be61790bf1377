"""The command `python -m eda compare A B`: a page and JSON that say what differs."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from eda.compare.differences import common_classes, compare
from eda.compare.joint import NAMES
from eda.compare.plots import plot_copies, plot_effects, plot_sides, plot_unlike
from eda.compare.result import Likeness
from eda.compare.side import Side, read_side
from eda.compare.two_sample import MIN_VECTORS
from eda.embeddings.archives import MODEL_STORE, choose_archive
from eda.export import SCHEMA_VERSION, records
from eda.measure.splits import FALSE_DISCOVERIES, lowest_p
from eda.output import require_writable, writing
from eda.page import embed, page_templates
from eda.plots.style import Plot, counted, some_words
from eda.read.categories import same_but_spelling
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
        EdaError: `out` cannot be written, a side cannot be read, or the named archive cannot compute features.
    """
    require_writable(out)
    first, second = read_side(first_folder), read_side(second_folder)
    found, missing = None, "Left out by --no-embeddings."
    if photos.compared:
        found, missing = liken(first, second, photos.archive)
    table = compare(first, second, [found.row()] if found else [])
    document = to_document(first, second, table, found, missing)
    text = json.dumps(document, indent=1, ensure_ascii=False, allow_nan=False)
    html, page = render(document, table, found, pixels=photos.shown), out / "index.html"
    with writing(out):
        out.mkdir(parents=True, exist_ok=True)
        (out / "compare.json").write_text(text + "\n", encoding="utf-8")
        page.write_text(html, encoding="utf-8")
    print(f"{page}: {document['summary']}")


def liken(first: Side, second: Side, named: Path | None, store: Path = MODEL_STORE) -> tuple[Likeness | None, str]:
    """Return how alike the photos are by a model's features, and "" or why that cannot be told.

    Raises:
        ArchiveError: the named archive cannot compute features. Without a name, that is no error.
    """
    reports = [name for name, side in zip(NAMES, (first, second), strict=True) if side.dataset is None]
    if reports:
        return None, f"{' and '.join(reports)}: a report without its photos; name the folder of data to compare them."
    archive = choose_archive(named, store)
    if isinstance(archive, str):
        return None, archive
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
        "summary": " ".join(summarise(first, second, table)),
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


def summarise(first: Side, second: Side, table: pd.DataFrame) -> Iterator[str]:
    """Yield sentences on what differs: the comparisons, and the classes that only one side has."""
    total, differing = len(table), list(table.loc[table["differs"], "comparison"])
    counts = len(first.images), len(second.images)
    if differing:
        differ = "differs" if len(differing) == 1 else "differ"
        yield f"{len(differing)} of {total} comparisons {differ} by more than noise: {some_words(differing)}."
    elif lowest_p(*counts) > FALSE_DISCOVERIES:
        images = f"{counted(counts[0], 'image')} of A and {counts[1]:,} of B"
        yield f"With {images}, no difference could be told from noise: none of {total} comparisons says anything."
    else:
        yield f"None of {total} comparisons differs by more than noise."
    if not common_classes(first, second):
        yield "The sides have no class in common, so classes and their boxes are not compared."
    for side, other, name in ((first, second, "A"), (second, first, "B")):
        if own := [each for each in side.classes if each not in other.classes]:
            yield f"Only {name} has {some_words(own)}."
    for one, two in same_but_spelling(first.classes, second.classes):
        yield f"A's “{one}” and B's “{two}” differ only in their spelling."


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
