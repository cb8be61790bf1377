"""The report's sections in order, with their plots and tables."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial

import pandas as pd

from eda.cppe5 import BASELINES
from eda.dataset import WHOLE
from eda.embeddings.result import Embeddings
from eda.explore import Exploration
from eda.measure.boxes import SIZE_CLASSES, size_table
from eda.measure.classes import class_table
from eda.measure.health import health_score, health_table
from eda.plots.anchors import plot_anchors, plot_input_sizes
from eda.plots.baselines import plot_baselines
from eda.plots.classes import plot_boxes_per_image, plot_classes
from eda.plots.embeddings import plot_doubtful_boxes, plot_map, plot_similar_pairs
from eda.plots.evidence import drawable_rules, plot_evidence
from eda.plots.findings import plot_findings
from eda.plots.gallery import plot_hardest, plot_most_crowded
from eda.plots.images import plot_qualities, plot_resolutions
from eda.plots.model import plot_confidence, plot_top1
from eda.plots.sizes import plot_aspects, plot_coco_sizes, plot_relative_sizes, plot_size_and_aspect
from eda.plots.spatial import plot_co_occurrence, plot_heat_maps, plot_overlaps
from eda.plots.splits import plot_differences
from eda.plots.style import Plot

Draw = Callable[[Exploration], Plot | None]


@dataclass(frozen=True)
class Table:
    """A table of the report; `note` explains its columns, and those in `percents` are shares."""

    title: str
    note: str
    frame: pd.DataFrame
    percents: tuple[str, ...] = ()


@dataclass(frozen=True)
class Section:
    """One part of the report; its plots are functions, so that a progress bar can follow the drawing."""

    title: str
    intro: str
    plots: tuple[Draw, ...] = ()
    tables: tuple[Table, ...] = field(default=())


def sections(
    exploration: Exploration, predictions: pd.DataFrame | None, no_embeddings: str = "", *, pixels: bool
) -> Iterator[Section]:
    """Yield the report's sections that the data allows; show photos if `pixels`.

    `no_embeddings` says why the exploration has no embeddings.
    """
    pictures = (partial(plot_evidence, rule=rule, pixels=pixels) for rule in drawable_rules(exploration))
    intro = (
        "Faults that the rules found; nothing was repaired. In the pictures, the boxes that a finding names are red."
    )
    yield Section("Findings", intro, (plot_findings, *pictures), (health_part_table(exploration),))
    if len(exploration.boxes):
        yield from box_sections(exploration)
    if exploration.images["state"].eq("ok").any():
        yield Section("Images", "Resolution, brightness and sharpness.", (plot_resolutions, plot_qualities))
    if exploration.compared is None:
        split = exploration.dataset.splits[0]
        whole = "The data set has no splits that could be compared."
        yield Section(
            "Splits", whole if split == WHOLE else f"Only {split} is here: there is nothing to compare it with."
        )
    else:
        first, second = exploration.compared
        yield Section(
            f"{first[:1].upper()}{first[1:]} against {second}",
            "Images are compared, not boxes, because boxes of one image are not independent.",
            (plot_differences,),
            (differences_table(exploration),),
        )
    if len(exploration.hardest):
        yield Section(
            "Hard and crowded images",
            "A score orders the images of this data set; it does not compare between data sets.",
            (partial(plot_hardest, pixels=pixels), partial(plot_most_crowded, pixels=pixels)),
        )
    if exploration.embeddings is not None:
        yield embeddings_section(exploration.embeddings, pixels=pixels)
    elif no_embeddings:
        yield Section("Similar images and doubtful labels", no_embeddings)
    if len(exploration.boxes):
        yield Section(
            "What this means for a detector",
            "Input size and anchors that the box sizes suggest, and published results.",
            (plot_input_sizes, plot_anchors, *((plot_baselines,) if exploration.dataset.is_cppe5 else ())),
            (baselines_table(),) if exploration.dataset.is_cppe5 else (),
        )
    if predictions is not None:
        yield model_section(exploration, predictions)


def box_sections(exploration: Exploration) -> Iterator[Section]:
    """Yield the sections on boxes; the data must have some."""
    frequencies = (plot_classes, plot_boxes_per_image)
    yield Section("Classes", "How often each class occurs.", frequencies, (classes_table(exploration),))
    yield Section(
        "Sizes and aspects",
        "Box sizes in pixels and relative to the image, and box aspects.",
        (plot_coco_sizes, plot_relative_sizes, plot_aspects, plot_size_and_aspect),
        (sizes_table(exploration),),
    )
    yield Section(
        "Position and context",
        "Where boxes are, which classes occur together and which overlap.",
        (plot_heat_maps, plot_co_occurrence, plot_overlaps),
    )


def embeddings_section(embeddings: Embeddings, *, pixels: bool) -> Section:
    galleries = (plot_similar_pairs, plot_doubtful_boxes)
    return Section(
        "Similar images and doubtful labels",
        f"Images and boxes compared by the features of {embeddings.features.model}.",
        (plot_map, *(partial(gallery, pixels=pixels) for gallery in galleries)),
        (clusters_table(embeddings), *((doubtful_table(embeddings),) if len(embeddings.doubtful) else ())),
    )


def clusters_table(embeddings: Embeddings) -> Table:
    note = (
        "shows: the classes that at least half of the cluster's images show, and more often than all images do (lift: "
        "how many times as often); top-1: the model's most frequent class."
    )
    return Table("Clusters of images", note, embeddings.clusters)


def doubtful_table(embeddings: Embeddings) -> Table:
    note = "Boxes that look like another class; label and prediction, and how many boxes: which classes are confused."
    counts = embeddings.doubtful.groupby(["label", "predicted"]).size().sort_values(ascending=False, kind="stable")
    return Table("Doubtful labels by class", note, counts.rename("boxes").reset_index())


def model_section(exploration: Exploration, predictions: pd.DataFrame) -> Section:
    return Section(
        "ImageNet predictions",
        "The model knows ImageNet's 1,000 classes: its predictions show how far these images are from them.",
        (partial(plot_top1, predictions=predictions), partial(plot_confidence, predictions=predictions))
        if predictions["rank"].eq(1).any()
        else (),
        (rejections_table(exploration, predictions),) if predictions["rank"].eq(0).any() else (),
    )


def health_part_table(exploration: Exploration) -> Table:
    table = health_table(exploration.dataset, exploration.findings)
    note = (
        "score: 1 minus the share of images or boxes with an error or a warning of this kind. "
        f"The mean of the parts is {health_score(table):.3f}; it hides a bad part among good ones, so read the parts."
    )
    return Table("Health in parts", note, readable(table))


def classes_table(exploration: Exploration) -> Table:
    note = "low and high: 95% intervals, by a bootstrap over images (boxes) and Wilson's score (images)."
    frame = readable(class_table(exploration.images, exploration.boxes))
    return Table("Classes in numbers", note, frame, tuple(frame.columns[3:]))


def readable(frame: pd.DataFrame) -> pd.DataFrame:
    """Return a frame with its index as a column and spaces in its column names."""
    return frame.reset_index().rename(columns=lambda name: str(name).replace("_", " "))


def sizes_table(exploration: Exploration) -> Table:
    note = "small, medium, large: boxes, by COCO's limits; q25, median, q75: √(box area / image area)."
    frame = readable(size_table(exploration.boxes))
    return Table("Sizes in numbers", note, frame, ("q25", "median", "q75"))


def differences_table(exploration: Exploration) -> Table:
    note = (
        "Means (quantities) or shares (images with a class); effect: Cliff's delta or difference of shares; "
        "p: Mann-Whitney or Fisher, adjusted for the number of comparisons."
    )
    splits = dict(zip(("first", "second"), exploration.compared or (), strict=False))
    return Table("Every comparison", note, exploration.differences.rename(columns=splits))


def baselines_table() -> Table:
    note = "Box AP in percent on the test split, as the authors published it (Rishit-dagli/CPPE-Dataset)."
    titles = {"name": "detector", "ap": "AP"} | {f"ap_{size}": f"AP of {size} boxes" for size in SIZE_CLASSES}
    return Table("Published baselines", note, pd.DataFrame(BASELINES).rename(columns=titles))


def rejections_table(exploration: Exploration, predictions: pd.DataFrame) -> Table:
    rejected = predictions[predictions["rank"].eq(0)].set_index("image_row")
    frame = exploration.images[["split", "image_id", "file_name"]].join(rejected["problem"], how="inner")
    return Table("Images without a prediction", "The reason is the server's.", frame)
