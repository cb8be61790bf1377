"""The command `python -m eda compare A B`: a page and JSON that say what differs."""

import json
from pathlib import Path
from typing import Any

import pandas as pd
from matplotlib.figure import Figure

from eda.compare.differences import compare
from eda.compare.side import Side, read_side
from eda.export import SCHEMA_VERSION, records
from eda.page import embed, page_templates
from eda.plots.style import OTHER_COLOUR, SEVERITY_COLOURS, Plot, join_words, new_figure, show_grid, styled
from eda.sections import Table
from eda.tables import table_html

DRAWN = 30
"""Comparisons in the plot; the table has all."""


def compare_folders(first_folder: Path, second_folder: Path, out: Path) -> None:
    """Read both sides, compare them, write index.html and compare.json to `out`; raise EdaError."""
    first, second = read_side(first_folder), read_side(second_folder)
    table = compare(first, second)
    document = to_document(first, second, table)
    out.mkdir(parents=True, exist_ok=True)
    text = json.dumps(document, indent=1, ensure_ascii=False, allow_nan=False)
    (out / "compare.json").write_text(text + "\n", encoding="utf-8")
    page = out / "index.html"
    page.write_text(render(document, table), encoding="utf-8")
    print(f"{page}: {document['summary']}")


def to_document(first: Side, second: Side, table: pd.DataFrame) -> dict[str, Any]:
    return {
        "schema_version": SCHEMA_VERSION,
        "first": describe(first),
        "second": describe(second),
        "only_in_first": [name for name in first.classes if name not in second.classes],
        "only_in_second": [name for name in second.classes if name not in first.classes],
        "summary": summarise(table),
        "comparisons": records(table.set_index("comparison")),
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


def render(document: dict[str, Any], table: pd.DataFrame) -> str:
    note = (
        "A and B: means of images, or shares of images. effect: positive if larger in B. p: Mann-Whitney or Fisher, "
        "adjusted for the number of comparisons (false discovery rate 0.05). differs: significant, and Cliff's delta "
        "is at least 0.147 or Cohen's h at least 0.2."
    )
    words = table[["significant", "differs"]].replace({True: "yes", False: "no"})
    shown = Table("Every comparison", note, table.assign(**words).rename(columns={"first": "A", "second": "B"}))
    return (
        page_templates()
        .get_template("compare.html.j2")
        .render(
            document=document,
            synthetic=document["first"]["synthetic"] or document["second"]["synthetic"],
            plot=embed(plot_effects(table)) if len(table) else None,
            table=shown,
            html=table_html(shown.frame),
        )
    )


@styled()
def plot_effects(table: pd.DataFrame) -> Plot:
    """Draw the effects of the first comparisons; those that differ by more than noise are filled."""
    drawn = table.head(DRAWN)
    figure: Figure
    figure, ax = new_figure(9, 0.3 * max(4, len(drawn)) + 1.2)
    ax.hlines(drawn.index, 0, drawn["effect"], color="#9AA3AA", linewidth=1.5)
    for differs, colour, face, label in (
        (True, SEVERITY_COLOURS["error"], SEVERITY_COLOURS["error"], "more than noise"),
        (False, OTHER_COLOUR, "white", "within noise, or negligible"),
    ):
        rows = drawn[drawn["differs"] == differs]
        ax.scatter(rows["effect"], rows.index, s=48, edgecolors=colour, facecolors=face, zorder=3, label=label)
    ax.set_yticks(list(drawn.index), drawn["comparison"])
    ax.axvline(0, color="#222222", linewidth=1)
    ax.set(xlabel="← less in B      effect (Cliff's delta or Cohen's h)      more in B →")
    ax.invert_yaxis()
    ax.legend(loc="upper left", bbox_to_anchor=(0, -0.12 if len(drawn) > 15 else -0.25), ncols=2)
    show_grid(ax, "x")
    return Plot("Effects", "Filled points differ by more than noise; the table below has the numbers.", figure)
