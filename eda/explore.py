"""Everything that the plots and the report read, computed once."""

from dataclasses import dataclass

import pandas as pd

from eda.check import check
from eda.dataset import Dataset
from eda.embeddings.result import Embeddings
from eda.images import image_facts
from eda.measure.boxes import valid_boxes, valid_images
from eda.measure.difficulty import difficulty
from eda.measure.splits import compare_splits, compared_splits, per_image


@dataclass(frozen=True)
class Exploration:
    """A data set, its findings and its measurements.

    images: one row for each image, with the columns of `eda.images.image_facts` and `eda.measure.splits.per_image`
    boxes: one row for each valid box (see `eda.measure.boxes.valid_boxes`)
    compared: the two splits that `differences` compares; None if there is only one
    embeddings: what `eda.embeddings.explore` adds; None without a model
    """

    dataset: Dataset
    findings: pd.DataFrame
    images: pd.DataFrame
    boxes: pd.DataFrame
    compared: tuple[str, str] | None
    differences: pd.DataFrame
    hardest: pd.DataFrame
    embeddings: Embeddings | None = None

    @property
    def excluded_boxes(self) -> int:
        """The number of boxes that cannot be measured; each is in the findings."""
        return len(self.dataset.boxes) - len(self.boxes) - self.set_aside_boxes

    @property
    def set_aside_boxes(self) -> int:
        """The number of boxes marked iscrowd or ignore, which the statistics leave out as COCO's scoring does."""
        return int(self.dataset.boxes["set_aside"].sum())


def explore(dataset: Dataset) -> Exploration:
    """Open every image once, run every rule and build the tables; show progress on stderr."""
    facts = image_facts(dataset)
    findings = check(dataset, facts)
    images = valid_images(dataset, facts)
    boxes = valid_boxes(dataset, images)
    images = per_image(images, boxes)
    compared = compared_splits(dataset.splits)
    return Exploration(
        dataset=dataset,
        findings=findings,
        images=images,
        boxes=boxes,
        compared=compared,
        differences=compare_splits(images, *compared) if compared else pd.DataFrame(),
        hardest=difficulty(images, boxes),
    )
