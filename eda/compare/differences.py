"""What differs between two data sets by more than noise."""

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from eda.check.rules import RULES
from eda.compare.side import Side
from eda.measure.splits import FALSE_DISCOVERIES, QUANTITIES, SHOWS, class_row, quantity_row

MIN_DELTA = 0.147
"""Cliff's delta under it is negligible (Romano et al. 2006)."""

MIN_H = 0.2
"""Cohen's h under it is less than small (Cohen 1988)."""

DELTA, H = "Cliff's delta", "Cohen's h"

PIXELS = {"entropy (bits)": "entropy", "colour": "colour", "plain border": "border"}
"""Of the columns of `eda.measure.pixels`, those that QUANTITIES does not have."""

COLUMNS = ("group", "comparison", "measure", "first", "second", "effect", "p", "significant", "differs")

Row = dict[str, Any]


def compare_quantities(first: Side, second: Side) -> Iterator[Row]:
    """Yield a Mann-Whitney test and Cliff's delta for each quantity of an image."""
    for title, column in (QUANTITIES | PIXELS).items():
        row = quantity_row(title, first.images[column].dropna(), second.images[column].dropna())
        yield {**row, "group": "images", "measure": DELTA} if row else {}


def compare_classes(first: Side, second: Side) -> Iterator[Row]:
    """Yield Fisher's test and Cohen's h of the share of images that show a class, for the classes of both."""
    for name in common_classes(first, second):
        column = f"{SHOWS}{name}"
        row = class_row(name, first.images[column].astype(bool), second.images[column].astype(bool))
        yield share_row("classes", row)


def compare_sizes(first: Side, second: Side) -> Iterator[Row]:
    """Yield tests of each class's box size and aspect; a sample is an image, with the median of its boxes."""
    for name in common_classes(first, second):
        for title, column in (("relative size", "relative_size"), ("width / height", "aspect")):
            samples = []
            for side in (first, second):
                boxes = side.boxes[side.boxes["class_name"].astype(str).eq(name)]
                samples.append(boxes.groupby("image_row")[column].median())
            row = quantity_row(f"{name}: {title}", *samples)
            yield {**row, "group": "boxes", "measure": DELTA} if row else {}


def compare_findings(first: Side, second: Side) -> Iterator[Row]:
    """Yield Fisher's test and Cohen's h of the share of images that a rule names, if it names any."""
    affected = [images_by_rule(side) for side in (first, second)]
    for rule in RULES:
        rows = [found.get(rule, set()) for found in affected]
        if any(rows):
            marks = [
                side.images.index.to_series().isin(named) for side, named in zip((first, second), rows, strict=True)
            ]
            yield share_row("findings", {**class_row("", *marks), "comparison": RULES[rule].title})


COMPARISONS: tuple[Callable[[Side, Side], Iterator[Row]], ...] = (
    compare_quantities,
    compare_classes,
    compare_sizes,
    compare_findings,
)
"""Each yields rows with group, comparison, measure, first, second, effect and p, or {} where a side has no value."""


def compare(first: Side, second: Side, further: Iterable[Row] = ()) -> pd.DataFrame:
    """Return every comparison, and `further` ones, as a row of COLUMNS, those that differ first, then by p.

    p is adjusted for the number of comparisons (Benjamini and Hochberg 1995). significant: p below FALSE_DISCOVERIES.
    differs: significant, and the effect is not negligible: at least MIN_DELTA or MIN_H.
    """
    rows = [row for compared in COMPARISONS for row in compared(first, second) if row] + list(further)
    table = pd.DataFrame(rows, columns=[name for name in COLUMNS if name not in ("significant", "differs")])
    if table.empty:
        return table.assign(significant=False, differs=False)
    table["p"] = stats.false_discovery_control(table["p"])
    table["significant"] = table["p"] < FALSE_DISCOVERIES
    limits = table["measure"].map({DELTA: MIN_DELTA, H: MIN_H})
    table["differs"] = table["significant"] & table["effect"].abs().ge(limits)
    return table.sort_values(["differs", "p"], ascending=[False, True], kind="stable", ignore_index=True)


def common_classes(first: Side, second: Side) -> list[str]:
    """Return the classes of both, in the order of the first."""
    return [name for name in first.classes if name in second.classes]


def share_row(group: str, row: Row) -> Row:
    """Return a row of `class_row` with Cohen's h, 2 asin √b - 2 asin √a, as its effect."""
    low, high = (2 * np.arcsin(np.sqrt(row[side])) for side in ("first", "second"))
    return {**row, "group": group, "measure": H, "effect": high - low}


def images_by_rule(side: Side) -> dict[str, set[int]]:
    """Return the rows of the images that each rule names, of a pair the finding's own."""
    named: dict[str, set[int]] = {}
    findings = side.findings.assign(related=side.findings.get("related", default=""))
    for rule, rows, related in findings[["rule", "image_rows", "related"]].itertuples(index=False):
        if len(rows):
            named.setdefault(str(rule), set()).update(map(int, rows[:1] if related else rows))
    return named
