"""What follows from an exploration, in sentences: each from its own numbers, with what to do."""

from collections.abc import Callable, Iterator

import numpy as np

from eda.check.class_rules import recall_margin
from eda.check.findings import summary
from eda.check.rules_of_embeddings import EMBEDDING_RULES
from eda.dataset import WHOLE
from eda.embeddings.labels import FOLDS, MIN_BOXES, learnable
from eda.explore import Exploration
from eda.measure.anchors import FINEST_STRIDE, MAX_THIN_SHARE, input_size_table, suggested_input_size
from eda.measure.boxes import size_table
from eda.measure.classes import class_table
from eda.measure.spatial import overlap_table
from eda.measure.splits import FALSE_DISCOVERIES, lowest_p, split_counts
from eda.plots.style import counted, percent, some_words

IMBALANCED = 3.0
"""The most frequent class has this many times the boxes of the rarest: mean AP and accuracy then differ much."""

UNSURE_POINTS = 10
"""Points of recall: a wider 95% interval does not tell detectors apart that differ as published ones do."""

MOSTLY = 0.5

MIN_LEARNT = 2
"""Classes that a label's check must tell apart."""


def conclusions(exploration: Exploration) -> list[str]:
    """Return what follows from the numbers, each as one or two sentences of Markdown; of data with boxes."""
    return [sentence for conclude in CONCLUSIONS for sentence in conclude(exploration)]


def on_findings(exploration: Exploration) -> Iterator[str]:
    # What a model's features find has its own sentence.
    findings = exploration.findings[~exploration.findings["rule"].isin(EMBEDDING_RULES)]
    table, counts = summary(findings), findings["severity"].value_counts()
    errors, warnings = int(counts.get("error", 0)), int(counts.get("warning", 0))
    if errors:
        first = table[table["severity"] == "error"].iloc[0]
        yield f"**Mend {counted(errors, 'error')} before you train**, first: {first['title']} ({first['findings']:,})."
    elif warnings:
        most = table[table["severity"] == "warning"].sort_values("findings", ascending=False, kind="stable").iloc[0]
        yield (
            f"**The data can be used as it is**: no errors, {counted(warnings, 'warning')}, {most['findings']:,} of "
            f"one kind ({most['title']})."
        )
    else:
        yield "**The data can be used as it is**: no errors and no warnings."


def on_copies(exploration: Exploration) -> Iterator[str]:
    rules = exploration.findings["rule"]
    leaks = int(rules.str.startswith("leak-").sum())
    if leaks:
        yield f"**{counted(leaks, 'photo')} of one split in another**: drop one of each, or the score is too high."
    twice = int(rules.str.fullmatch("photo-duplicate|photo-near-duplicate|photo-similar").sum())
    if twice:
        yield f"**{counted(twice, 'photo')} there twice, or nearly so**: each counts double in every score."


def on_classes(exploration: Exploration) -> Iterator[str]:
    boxes = class_table(exploration.images, exploration.boxes)["boxes"].sort_values(kind="stable")
    boxes = boxes[boxes > 0]
    rarest, most = boxes.index[0], boxes.index[-1]
    if len(boxes) > 1 and boxes.iloc[-1] >= IMBALANCED * boxes.iloc[0]:
        yield (
            f"**The classes are uneven**: {most} has {boxes.iloc[-1] / boxes.iloc[0]:.1f} times the boxes of {rarest}. "
            "Report AP for each class beside its mean."
        )
    margins = {name: 100 * recall_margin(int(count)) for name, count in boxes.items()}
    unsure = [str(name) for name, margin in margins.items() if margin > UNSURE_POINTS]
    if unsure:
        where = "any class" if len(unsure) == len(boxes) else some_words(unsure)
        yield (
            f"**Small differences between detectors cannot be seen** in {where}: with {boxes.iloc[0]:,} "
            f"boxes of {rarest}, its recall is known to ± {margins[rarest]:.0f} points (95%)."
        )


def on_sizes(exploration: Exploration) -> Iterator[str]:
    counts = size_table(exploration.boxes)[["small", "medium", "large"]].iloc[-1]
    total, small = int(counts.sum()), int(counts["small"])
    if small:
        yield (
            f"**AP on small boxes is coarse**: {small:,} of {total:,} boxes ({percent(small / total)}) are small, so "
            f"one detection more or less is {100 / small:.2g} points of recall."
        )
    size = suggested_input_size(input_size_table(exploration.boxes))
    thin = f"{percent(MAX_THIN_SHARE)} of boxes are thinner than {2 * FINEST_STRIDE} pixels"
    if size:
        yield f"**Scale the longer side to {size} pixels or more**: from there on, at most {thin}."
    else:
        yield f"**Cut the images into tiles**: at every common input size, more than {thin}."


def on_overlap(exploration: Exploration) -> Iterator[str]:
    table = overlap_table(exploration.boxes).astype(float)
    others = table.mask(np.eye(len(table), dtype=bool)).stack().dropna()
    if len(others) and others.max() > MOSTLY:
        (inner, outer), share = others.idxmax(), others.max()
        yield (
            f"**Suppress overlapping boxes class by class**: {percent(share)} of {inner} boxes lie half or more on a "
            f"{outer}, and both are right."
        )


def on_splits(exploration: Exploration) -> Iterator[str]:
    if exploration.compared is None:
        split = exploration.dataset.splits[0]
        if split == WHOLE:
            yield "**The data set has no splits**: make them so that no scene is in two of them."
            return
        yield (
            f"**One split alone says nothing about the others**: whether {split} is like the training data has to be "
            "seen with both."
        )
        return
    first, second = exploration.compared
    counts = split_counts(exploration.images, first, second)
    named = list(exploration.differences.query("significant")["comparison"])
    if named:
        yield f"**{second} is not like {first}** in {some_words(named)}: read its score with that in mind."
    elif lowest_p(*counts) > FALSE_DISCOVERIES:
        yield f"**Too few images to compare {second} with {first}**: {counts[1]:,} and {counts[0]:,}."
    else:
        yield f"**{second} is like {first}** in all {len(exploration.differences)} comparisons, but for noise."


def on_features(exploration: Exploration) -> Iterator[str]:
    if exploration.embeddings is None:
        return
    doubtful, features = len(exploration.embeddings.doubtful), exploration.embeddings.features
    boxes = exploration.boxes.loc[features.box_rows]
    learnt = learnable(boxes)
    judged = int(boxes["class_name"].isin(learnt).sum())
    if len(learnt) < MIN_LEARNT:
        yield (
            f"**Labels cannot be checked**: {MIN_BOXES} boxes each in {FOLDS} images or more are needed of two classes."
        )
    elif doubtful:
        yield (
            f"**Look at {counted(doubtful, 'doubtful label')}**: by the features of {features.model}, "
            f"{percent(doubtful / judged)} of {judged:,} boxes look like another class. Not all of them are wrong."
        )
    else:
        yield f"**No label is doubtful** by the features of {features.model}."


CONCLUSIONS: tuple[Callable[[Exploration], Iterator[str]], ...] = (
    on_findings,
    on_copies,
    on_classes,
    on_sizes,
    on_overlap,
    on_splits,
    on_features,
)
