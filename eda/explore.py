"""A data set once it has been looked at: the one object that plots and pages read."""

from dataclasses import dataclass

import pandas as pd

from eda.check import check
from eda.dataset import Dataset
from eda.measure.boxes import sound_boxes, sound_images
from eda.measure.difficulty import difficulty
from eda.measure.splits import compare_splits, per_picture
from eda.photos import photo_facts


@dataclass(frozen=True)
class Exploration:
    """A data set, its findings, and the two tables that everything else is measured on.

    images: one row an image, with its photo's facts and what `per_picture` adds
    boxes: one row a sound box (see `eda.measure.boxes.sound_boxes`)
    """

    dataset: Dataset
    findings: pd.DataFrame
    images: pd.DataFrame
    boxes: pd.DataFrame
    differences: pd.DataFrame
    hardest: pd.DataFrame

    @property
    def boxes_left_out(self) -> int:
        """How many boxes are too broken to be measured; each is in the findings."""
        return len(self.dataset.boxes) - len(self.boxes)


def explore(dataset: Dataset) -> Exploration:
    """Open every photo once, run every rule, and build the tables; shows progress on stderr."""
    facts = photo_facts(dataset)
    findings = check(dataset, facts)
    images = sound_images(dataset, facts)
    boxes = sound_boxes(dataset, images)
    pictures = per_picture(images, boxes)
    return Exploration(
        dataset=dataset,
        findings=findings,
        images=pictures,
        boxes=boxes,
        differences=compare_splits(pictures),
        hardest=difficulty(pictures, boxes),
    )
