"""Plots of class frequencies and of the number of boxes in an image."""

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.ticker import MaxNLocator, PercentFormatter

from eda.dataset import WHOLE
from eda.explore import Exploration
from eda.measure.classes import class_table, mean_interval
from eda.plots.palette import split_colours, view_classes
from eda.plots.style import (
    Plot,
    captioned,
    counted,
    new_figure,
    percent,
    show_grid,
    some_words,
    styled,
)


@styled()
def plot_classes(exploration: Exploration) -> Plot:
    """Draw boxes and images of each class as shares with 95% intervals, and their counts."""
    view = view_classes(exploration)
    table = class_table(exploration.images, view.boxes)
    figure, axes = new_figure(9.5, 0.46 * max(5, len(view.names)) + 1.1, columns=2, sharey=True)
    panels = (("box", "boxes", "share of all boxes"), ("image", "images", "share of images that show it"))
    for ax, (kind, count, label) in zip(axes, panels, strict=True):
        share = table[f"{kind}_share"]
        spread = np.maximum(0, [share - table[f"{kind}_low"], table[f"{kind}_high"] - share])
        colours = [view.colours[name] for name in view.names]
        ax.barh(view.names, share, xerr=spread, color=colours, error_kw={"capsize": 3, "ecolor": "#222222"})
        for place, name in enumerate(view.names):
            ax.annotate(
                f"{table.loc[name, count]:,}",
                (table.loc[name, f"{kind}_high"], place),
                xytext=(6, 0),
                textcoords="offset points",
                va="center",
            )
        ax.set_xlabel(f"{label}\n(95% interval; count beside it)")
        ax.set_xlim(0, min(1.2, float(table[f"{kind}_high"].max()) * 1.2))
        ax.set_xticks([tick for tick in ax.get_xticks() if tick <= 1])
        ax.xaxis.set_major_formatter(PercentFormatter(1, decimals=0))
        show_grid(ax, "x")
    axes[0].invert_yaxis()
    return captioned(
        exploration,
        "Boxes and images of each class",
        class_sentence(class_table(exploration.images, exploration.boxes)),
        figure,
    )


def class_sentence(table: pd.DataFrame) -> str:
    """Name the most frequent class of `class_table`, and the rarest or those that are absent."""
    boxes = table["boxes"]
    most, least = boxes.idxmax(), boxes.idxmin()
    if len(boxes) == 1:
        return f"There is one class, {most}, with {counted(boxes[most], 'box', 'boxes')}."
    if boxes[most] == boxes[least]:
        return f"Each of the {len(boxes)} classes has {counted(boxes[most], 'box', 'boxes')}."
    top = list(boxes.index[boxes == boxes[most]])
    start = f"{most} is the most frequent class, with {boxes[most]:,} of {boxes.sum():,} boxes"
    if len(top) > 1:
        start = f"{some_words(top)} are the most frequent classes, with {boxes[most]:,} of {boxes.sum():,} boxes each"
    if boxes[least] == 0:
        return f"{start}; there is no box of {some_words(list(boxes.index[boxes == 0]))}."
    last = "one of the rarest" if (boxes == boxes[least]).sum() > 1 else "the rarest"
    overlap = table.loc[least, "box_high"] >= table["box_low"].drop(least).min()
    return (
        f"{start}: {boxes[most] / boxes[least]:.1f} times as many as {last}, {least} ({boxes[least]:,}), "
        "whose interval "
        f"{'overlaps another one' if overlap else 'lies below all others'}."
    )


@styled()
def plot_boxes_per_image(exploration: Exploration) -> Plot:
    """Draw the distribution of boxes in an image, by split."""
    figure, ax = new_figure(7, 3.2)
    counts = exploration.images
    splits = exploration.dataset.splits
    sns.histplot(
        counts,
        x="n_boxes",
        hue="split" if len(splits) > 1 else None,
        hue_order=splits if len(splits) > 1 else None,
        palette=split_colours(splits) if len(splits) > 1 else None,
        color="#5B6770",
        stat="percent",
        common_norm=False,
        discrete=True,
        element="step" if len(splits) > 1 else "bars",
        fill=len(splits) == 1,
        ax=ax,
    )
    ax.set(
        xlabel="boxes in an image",
        ylabel="% of the split's images" if len(splits) > 1 else "% of images",
    )
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    show_grid(ax, "y")
    parts = []
    for split in splits:
        mean, low, high = mean_interval(counts.loc[counts["split"] == split, "n_boxes"])
        where = "" if split == WHOLE else f" in {split}"
        parts.append(f"{mean:.2f} boxes an image{where} (95% interval {low:.2f} to {high:.2f})")
    crowded = float((counts["n_boxes"] > 10).mean())
    caption = f"There are {' and '.join(parts)}; {percent(crowded)} of images have more than ten."
    return captioned(exploration, "Boxes in an image", caption, figure)
