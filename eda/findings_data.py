"""The findings as the page's script reads them: their texts, and the images with their boxes, within a budget."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from jinja2.utils import htmlsafe_json_dumps
from markupsafe import Markup

from eda.check.findings import COLUMNS
from eda.check.rules import RULES, SEVERITIES
from eda.dataset import Dataset
from eda.explore import Exploration

MAX_IMAGES = 8
"""Images of a finding that the page shows."""

MAX_BOXES = 100
"""Boxes of an image that the page shows beside those that a finding names."""

REACH = 0.6
"""A box past the photo's edge is shown up to this share of the photo's side outside it."""

MAX_WHOLE = 2**53
"""JavaScript rounds larger whole numbers."""

Box = tuple[int, float, float, float, float, int]
"""Row label in the boxes table; x, y, w, h in pixels; index into the names of classes."""


@dataclass
class FindingsData:
    """What fits into the page.

    rows: positions of the findings in their table, in its order
    images: for the row label of an image its name, size in pixels and boxes; the most urgent findings' first
    classes: the names of the boxes' classes
    named: for each of `rows`, the indices of the classes of the boxes that it names
    """

    rows: list[int] = field(default_factory=list)
    images: dict[int, dict[str, Any]] = field(default_factory=dict)
    classes: list[str] = field(default_factory=list)
    named: list[list[int]] = field(default_factory=list)


def collect(exploration: Exploration, max_bytes: int) -> FindingsData:
    """Return the findings, most urgent first, whose texts, images and boxes take at most `max_bytes` as JSON."""
    findings = list(exploration.findings.itertuples(index=False))
    frames = Frames(exploration)
    found, left = FindingsData(classes=frames.classes), max_bytes
    for row in by_urgency(exploration.findings):
        finding = findings[row]
        records = {image: found.images.get(image) or frames.record(image) for image in finding.image_rows[:MAX_IMAGES]}
        added = [frames.add_boxes(image, record, finding.box_rows) for image, record in records.items()]
        new = [record for image, record in records.items() if image not in found.images]
        texts = [str(getattr(finding, name)) for name in COLUMNS]
        left -= size([*texts, *finding.image_rows[:MAX_IMAGES], *finding.box_rows[:MAX_BOXES], added, new])
        if left < 0:
            break
        found.rows.append(row)
        found.images |= records
    found.rows.sort()
    found.named = [frames.classes_of(findings[row].box_rows) for row in found.rows]
    return found


def size(value: Any) -> int:
    """Return how many bytes a value takes in the page."""
    return len(to_json(value).encode())


def to_json(value: Any) -> Markup:
    """Return JSON that may stand in a script element: `<`, `>`, `&` and `'` are escaped, as in Jinja's tojson."""
    return htmlsafe_json_dumps(value, json.dumps, ensure_ascii=False, allow_nan=False, separators=(",", ":"))


def by_urgency(findings: pd.DataFrame) -> list[int]:
    """Return the findings' positions: errors first, of a severity the first of each rule, then the second of each."""
    rank = findings["severity"].map({severity: rank for rank, severity in enumerate(SEVERITIES)})
    turn = findings.groupby("rule").cumcount()
    return [int(row) for row in np.lexsort((np.arange(len(findings)), turn, rank.astype(int)))]


def findings_block(exploration: Exploration, found: FindingsData) -> dict[str, Any]:
    """Return what the page's script reads of the findings."""
    shown = exploration.findings.iloc[found.rows]
    # A column each: the names of the columns would take more bytes than what is in them.
    columns = {name: list(map(exact, shown[name].astype(object).where(shown[name].notna(), ""))) for name in COLUMNS}
    return {
        "rules": {rule: {"title": RULES[rule].title, "advice": RULES[rule].advice} for rule in set(shown["rule"])},
        "classes": found.classes,
        "findings": {
            "number": [row + 1 for row in found.rows],
            **columns,
            "classes": found.named,
            "images": [list(rows[:MAX_IMAGES]) for rows in shown["image_rows"]],
            "images_in_all": [len(rows) for rows in shown["image_rows"]],
            "boxes": [list(rows[:MAX_BOXES]) for rows in shown["box_rows"]],
        },
        "images": found.images,
    }


def exact(value: Any) -> Any:
    """Return a value as a script reads it exactly: an id beyond its whole numbers as a text."""
    return str(value) if isinstance(value, int) and abs(value) > MAX_WHOLE else value


class Frames:
    """The images' sizes and boxes, looked up by row."""

    def __init__(self, exploration: Exploration) -> None:
        self.dataset: Dataset = exploration.dataset
        self.sizes = self.dataset.images[["width", "height"]].astype(float)
        known = exploration.images[["frame_width", "frame_height"]].set_axis(["width", "height"], axis=1).dropna()
        self.sizes.update(known)
        boxes = self.dataset.boxes
        self.by_image = boxes.groupby(["split", "image_id"]).indices
        self.keys = list(zip(boxes["split"], boxes["image_id"], strict=True))
        self.boxes = boxes[["x", "y", "w", "h"]].to_numpy()
        self.places = {int(row): place for place, row in enumerate(boxes.index)}
        codes, names = pd.factorize(boxes["category"])
        self.codes, self.classes = codes, [str(name) for name in names]

    def record(self, row: int) -> dict[str, Any]:
        """Return an image's name, size and its first boxes."""
        image = self.dataset.images.loc[row]
        width, height = (max(1.0, float(side)) for side in self.sizes.loc[row])
        places = self.by_image.get(self.key(row), ())[:MAX_BOXES]
        return {
            "name": f"{image['split']} {image['image_id']}",
            "file": image["file_name"],
            "size": (width, height),
            "boxes": list(self.drawable(places, width, height)),
        }

    def key(self, row: int) -> tuple[str, int]:
        image = self.dataset.images.loc[row]
        return image["split"], image["image_id"]

    def add_boxes(self, row: int, record: dict[str, Any], boxes: Sequence[int]) -> list[Box]:
        """Add those of the boxes that are the image's to its record, and return what it lacked."""
        key, present = self.key(row), {box[0] for box in record["boxes"]}
        places = [self.places[box] for box in boxes[:MAX_BOXES] if box not in present]
        added = list(self.drawable([place for place in places if self.keys[place] == key], *record["size"]))
        record["boxes"] += added
        return added

    def drawable(self, places: Sequence[int], width: float, height: float) -> Iterator[Box]:
        """Yield the boxes in these places that are four numbers, cut where they go far past the photo."""
        for place in places:
            x, y, w, h = self.boxes[place]
            if not np.isfinite([x, y, w, h]).all():
                continue
            left, right = np.clip([x, x + w], -REACH * width, (1 + REACH) * width)
            top, bottom = np.clip([y, y + h], -REACH * height, (1 + REACH) * height)
            sides = (left, top, abs(right - left), abs(bottom - top))
            row = int(self.dataset.boxes.index[place])
            yield row, *(round(float(side), 1) for side in sides), int(self.codes[place])  # type: ignore[misc]

    def classes_of(self, rows: Sequence[int]) -> list[int]:
        return sorted({int(self.codes[self.places[row]]) for row in rows[:MAX_BOXES]})
