"""What the report says, in which order: every section's plots and tables."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial

import pandas as pd

from eda.cppe5 import BASELINES
from eda.explore import Exploration
from eda.measure.boxes import size_table
from eda.measure.classes import class_table
from eda.plots.anchors import plot_anchors, plot_input_sizes
from eda.plots.baselines import plot_baselines
from eda.plots.classes import plot_boxes_per_image, plot_classes
from eda.plots.findings import plot_findings
from eda.plots.model import plot_answers, plot_confidence
from eda.plots.photos import plot_qualities, plot_resolutions
from eda.plots.pictures import plot_hardest, plot_most_crowded
from eda.plots.places import plot_co_occurrence, plot_heat_maps, plot_overlaps
from eda.plots.sizes import plot_aspects, plot_coco_sizes, plot_relative_sizes
from eda.plots.splits import plot_differences
from eda.plots.style import Plot

Draw = Callable[[Exploration], Plot | None]


@dataclass(frozen=True)
class Table:
    """A table of the report; `note` says how to read its columns."""

    title: str
    note: str
    frame: pd.DataFrame


@dataclass(frozen=True)
class Section:
    """One part of the report; its plots are drawn one by one, so that a progress bar can follow."""

    title: str
    intro: str
    plots: tuple[Draw, ...] = ()
    tables: tuple[Table, ...] = field(default=())


def sections(found: Exploration, answers: pd.DataFrame | None, *, photos: bool) -> Iterator[Section]:
    """Yield the report's sections; the model's only with `answers`, the splits' only with two."""
    yield Section("Findings", "What the rules found; nothing was repaired.", (plot_findings,))
    if len(found.boxes):
        yield from box_sections(found)
    if found.images["state"].eq("ok").any():
        yield Section("Photos", "The photos themselves.", (plot_resolutions, plot_qualities))
    if not found.differences.empty:
        yield Section(
            "Train against test",
            "Pictures are compared, not boxes: boxes of one picture are not independent.",
            (plot_differences,),
            (differences_of(found),),
        )
    if len(found.hardest):
        yield Section(
            "Hard and crowded pictures",
            "A score orders the pictures of this set; it does not compare between sets.",
            (partial(plot_hardest, photos=photos), partial(plot_most_crowded, photos=photos)),
        )
    if len(found.boxes):
        yield Section(
            "What this means for a detector",
            "What the sizes suggest, and what others reached.",
            (plot_input_sizes, plot_anchors, plot_baselines),
            (baselines_table(),),
        )
    if answers is not None:
        yield model_section(found, answers)


def box_sections(found: Exploration) -> Iterator[Section]:
    """Yield the sections on boxes; there must be some."""
    yield Section("Classes", "How often each class occurs.", (plot_classes, plot_boxes_per_image), (classes_of(found),))
    yield Section(
        "Sizes and shapes",
        "How large boxes are, in pixels and relative to the photo, and what shape they have.",
        (plot_coco_sizes, plot_relative_sizes, plot_aspects),
        (sizes_of(found),),
    )
    yield Section(
        "Places and company",
        "Where boxes are, what occurs together, what lies on what.",
        (plot_heat_maps, plot_co_occurrence, plot_overlaps),
    )


def model_section(found: Exploration, answers: pd.DataFrame) -> Section:
    """Return the section on what the model answered."""
    return Section(
        "Meet the model",
        "None of ImageNet's 1,000 classes is one of the five: what comes up instead shows the domain gap.",
        (partial(plot_answers, answers=answers), partial(plot_confidence, answers=answers))
        if answers["rank"].eq(1).any()
        else (),
        (refusals_of(found, answers),) if answers["rank"].eq(0).any() else (),
    )


def classes_of(found: Exploration) -> Table:
    """Return the class table."""
    note = "low and high: 95% intervals, by a bootstrap over images (boxes) and Wilson's score (images)."
    return Table("Classes in numbers", note, spelled_out(class_table(found.images, found.boxes)))


def spelled_out(frame: pd.DataFrame) -> pd.DataFrame:
    """Return a frame with its index as a column, and spaces in its column names."""
    return frame.reset_index().rename(columns=lambda name: str(name).replace("_", " "))


def sizes_of(found: Exploration) -> Table:
    """Return the size table."""
    note = "small, medium, large: boxes, by COCO's limits; q25, median, q75: √(box area / photo area)."
    return Table("Sizes in numbers", note, spelled_out(size_table(found.boxes)))


def differences_of(found: Exploration) -> Table:
    """Return every comparison of train with test."""
    note = (
        "Means (quantities) or shares (pictures with a class); effect: Cliff's delta or difference of "
        "shares; p: Mann-Whitney or Fisher, adjusted for the number of comparisons; real: more than noise."
    )
    return Table("Every comparison", note, found.differences)


def baselines_table() -> Table:
    """Return the published baselines."""
    note = "Box AP in percent on the test split, as the authors published it (Rishit-dagli/CPPE-Dataset)."
    return Table("Published baselines", note, pd.DataFrame(BASELINES))


def refusals_of(found: Exploration, answers: pd.DataFrame) -> Table:
    """Return the photos that got no answer."""
    refused = answers[answers["rank"].eq(0)].set_index("image_row")
    frame = found.images[["split", "image_id", "file_name"]].join(refused["problem"], how="inner")
    return Table("Photos without an answer", "What the server said of them.", frame)
