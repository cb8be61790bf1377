"""Plots of the classes and of how many boxes a picture holds."""

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.ticker import MaxNLocator, PercentFormatter

from eda.cppe5 import CLASS_NAMES
from eda.explore import Exploration
from eda.measure.classes import class_table, mean_interval
from eda.plots.style import (
    CLASS_COLOURS,
    SPLIT_COLOURS,
    Plot,
    finished,
    names,
    new_figure,
    only_grid,
    percent,
    styled,
)


@styled()
def plot_classes(found: Exploration) -> Plot:
    """Draw boxes and pictures of each class, as shares with 95% intervals and the counts beside them."""
    table = class_table(found.images, found.boxes)
    figure, axes = new_figure(9.5, 3.4, columns=2, sharey=True)
    panels = (("box", "boxes", "share of all boxes"), ("image", "images", "share of pictures that show it"))
    for ax, (kind, count, label) in zip(axes, panels, strict=True):
        share = table[f"{kind}_share"]
        spread = np.maximum(0, [share - table[f"{kind}_low"], table[f"{kind}_high"] - share])
        colours = [CLASS_COLOURS[name] for name in CLASS_NAMES]
        ax.barh(list(CLASS_NAMES), share, xerr=spread, color=colours, error_kw={"capsize": 3, "ecolor": "#222222"})
        for place, name in enumerate(CLASS_NAMES):
            ax.annotate(
                f"{table.loc[name, count]:,}",
                (table.loc[name, f"{kind}_high"], place),
                xytext=(6, 0),
                textcoords="offset points",
                va="center",
            )
        ax.set_xlabel(f"{label} (95% interval; count beside it)")
        ax.set_xlim(0, min(1.15, float(table[f"{kind}_high"].max()) * 1.2))
        ax.xaxis.set_major_formatter(PercentFormatter(1, decimals=0))
        only_grid(ax, "x")
    axes[0].invert_yaxis()
    return finished(found, "Boxes and pictures of each class", class_sentence(table), figure)


def class_sentence(table: pd.DataFrame) -> str:
    """Say which class of `class_table` is the most frequent and which the rarest, or which are absent."""
    boxes = table["boxes"]
    most, least = boxes.idxmax(), boxes.idxmin()
    start = f"{most} is the most frequent class, with {boxes[most]:,} of {boxes.sum():,} boxes"
    if boxes[least] == 0:
        return f"{start}; there is no box of {names(list(boxes.index[boxes == 0]))}."
    overlap = table.loc[least, "box_high"] >= table["box_low"].drop(least).min()
    return (
        f"{start}: {boxes[most] / boxes[least]:.1f} times as many as the rarest, "
        f"{least} ({boxes[least]:,}), whose interval "
        f"{'overlaps another one' if overlap else 'lies below all others'}."
    )


@styled()
def plot_boxes_per_image(found: Exploration) -> Plot:
    """Draw how many boxes a picture holds, by split."""
    figure, ax = new_figure(7, 3.2)
    counts = found.images
    splits = found.dataset.splits
    sns.histplot(
        counts,
        x="n_boxes",
        hue="split" if len(splits) > 1 else None,
        hue_order=splits if len(splits) > 1 else None,
        palette={name: SPLIT_COLOURS.get(name, "#5B6770") for name in splits} if len(splits) > 1 else None,
        color="#5B6770",
        stat="percent",
        common_norm=False,
        discrete=True,
        element="step" if len(splits) > 1 else "bars",
        fill=len(splits) == 1,
        ax=ax,
    )
    ax.set(
        xlabel="boxes in a picture",
        ylabel="% of the split's pictures" if len(splits) > 1 else "% of pictures",
    )
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    only_grid(ax, "y")
    parts = []
    for split in splits:
        mean, low, high = mean_interval(counts.loc[counts["split"] == split, "n_boxes"])
        parts.append(f"{mean:.2f} boxes a picture in {split} (95% interval {low:.2f} to {high:.2f})")
    crowded = float((counts["n_boxes"] > 10).mean())
    sentence = f"There are {' and '.join(parts)}; {percent(crowded)} of pictures hold more than ten."
    return finished(found, "Boxes in a picture", sentence, figure)
