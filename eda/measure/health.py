"""A score from the findings, with its parts: 1 minus the share of images or boxes that a finding names."""

from dataclasses import dataclass
from typing import Any, Literal

import pandas as pd

from eda.check.rules import RULES
from eda.dataset import Dataset

Unit = Literal["images", "boxes"]


@dataclass(frozen=True)
class Part:
    """Rules whose name starts with one of `prefixes`, of these severities.

    In no part: notes (info), and rules on classes and categories and on files outside the data, which name no image.
    """

    title: str
    unit: Unit
    prefixes: tuple[str, ...]
    severities: tuple[str, ...]

    def rules(self) -> list[str]:
        """Return the rules of this part."""
        return [
            name for name, rule in RULES.items() if name.startswith(self.prefixes) and rule.severity in self.severities
        ]


PARTS = (
    Part("no leaks between splits", "images", ("leak-",), ("error", "warning")),
    Part("photos that can be used", "images", ("photo-",), ("error",)),
    Part("photos without a warning", "images", ("photo-",), ("warning",)),
    Part("image entries that are right", "images", ("image-",), ("error",)),
    Part("image entries that are plausible", "images", ("image-", "file-"), ("warning",)),
    Part("boxes that are right", "boxes", ("box-",), ("error",)),
    Part("boxes that are plausible", "boxes", ("box-",), ("warning",)),
)


def health_table(dataset: Dataset, findings: pd.DataFrame) -> pd.DataFrame:
    """Return one row for each part: unit, affected, total, and score = 1 - affected / total, or 1 if there are none.

    An image or box counts once in a part, however many rules it breaks. A finding about a whole split or file counts
    for all of its images or boxes.
    """
    return pd.DataFrame([part_row(part, dataset, findings) for part in PARTS]).set_index("part")


def part_row(part: Part, dataset: Dataset, findings: pd.DataFrame) -> dict[str, Any]:
    table = dataset.images if part.unit == "images" else dataset.boxes
    shown = "image_rows" if part.unit == "images" else "box_rows"
    affected: set[int] = set()
    for finding in findings[findings["rule"].isin(part.rules())].itertuples():
        rows = getattr(finding, shown)
        if rows:
            # The other row of a pair is named, but not at fault; a finding on many images or boxes has no id.
            affected |= set(rows if pd.isna(finding.image_id) else rows[:1])
        else:
            affected |= set(table.index[table["split"].eq(finding.split)] if finding.split else table.index)
    total = len(table)
    score = 1 - len(affected) / total if total else 1.0
    return {"part": part.title, "unit": part.unit, "affected": len(affected), "total": total, "score": score}


def health_score(table: pd.DataFrame) -> float:
    """Return the mean of the parts' scores, 0-1. It says little without them: one bad part hides among good ones."""
    return float(table["score"].mean())
