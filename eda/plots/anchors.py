"""Plots of the input size and the anchors that the boxes suggest."""

import numpy as np
from matplotlib.ticker import PercentFormatter

from eda.explore import Exploration
from eda.measure.anchors import (
    FINEST_STRIDE,
    INPUT_SIZES,
    MAX_THIN_SHARE,
    USUAL_ANCHORS,
    anchor_table,
    fit_anchors,
    input_size_table,
    scaled_sides,
    suggested_input_size,
)
from eda.plots.palette import view_classes
from eda.plots.style import (
    OTHER_COLOUR,
    Plot,
    captioned,
    counted,
    legend_label,
    new_figure,
    percent,
    plain_log_ticks,
    styled,
)

MANY_BOXES = 1000
"""From here on, points are drawn lighter."""

SHADES = {1: "#111111", 2: "#3C4852", 4: "#6B7780"}
"""Grey, because colours stand for classes. Keys: cells of FINEST_STRIDE pixels."""


@styled()
def plot_input_sizes(exploration: Exploration) -> Plot:
    """Draw the share of boxes that are too thin for the finest feature map, by input size."""
    table = input_size_table(exploration.boxes)
    figure, ax = new_figure(7, 3.4)
    for cells, colour in SHADES.items():
        style = {1: "-", 2: "--", 4: ":"}[cells]
        label = f"under {cells * FINEST_STRIDE} pixels"
        ax.plot(
            table.index, table[f"under_{cells}"], marker="o", linestyle=style, color=colour, label=label, clip_on=False
        )
    ax.axhline(MAX_THIN_SHARE, color="#A3123A", linewidth=1)
    ax.annotate(
        f"limit: {percent(MAX_THIN_SHARE)}",
        (1.01, MAX_THIN_SHARE),
        xycoords=("axes fraction", "data"),
        va="center",
        color="#A3123A",
    )
    ax.set_xscale("log")
    ax.set_xticks(INPUT_SIZES, [str(size) for size in INPUT_SIZES])
    ax.minorticks_off()
    ax.yaxis.set_major_formatter(PercentFormatter(1))
    ax.set(xlabel="input size: longer side of the image, pixels", ylabel="share of boxes", ylim=(0, None))
    ax.legend(title="shorter side of the box")
    size = suggested_input_size(table)
    two, limit = 2 * FINEST_STRIDE, percent(MAX_THIN_SHARE)
    if size is None:
        caption = f"At every common input size, more than {limit} of boxes are thinner than {two} pixels: use tiles."
    else:
        caption = (
            f"From {size} pixels, at most {limit} of boxes are thinner than {two} pixels (two cells at "
            f"stride {FINEST_STRIDE}); at {INPUT_SIZES[0]} it is {percent(table['under_2'].iloc[0])}."
        )
    return captioned(exploration, "Input size", caption, figure)


def pixels(side: float) -> str:
    """Return a side in whole pixels, with a digit more where that would be 0."""
    return f"{side:.0f}" if side >= 1 else f"{side:.1g}"


@styled()
def plot_anchors(exploration: Exploration) -> Plot:
    """Draw the usual number of anchors over the boxes, and the fit by the number of anchors."""
    size = suggested_input_size(input_size_table(exploration.boxes)) or INPUT_SIZES[-1]
    sides = scaled_sides(exploration.boxes, size)
    table = anchor_table(exploration.boxes, size)
    count = min(USUAL_ANCHORS, int(table.index.max()))
    anchors = fit_anchors(sides, count)
    figure, (left, right) = new_figure(10.5, 4.0, columns=2)
    view = view_classes(exploration)
    # In random order, so that no class hides the others.
    order = np.random.default_rng(0).permutation(len(sides))
    colours = view.boxes["class_name"].astype(str).map(view.colours).to_numpy()[order]
    left.scatter(*sides[order].T, s=10, alpha=0.8 if len(sides) < MANY_BOXES else 0.4, c=colours, linewidth=0)
    for name, colour in view.colours.items():
        left.scatter([], [], s=10, color=colour, label=legend_label(name))
    left.scatter(anchors[:, 0], anchors[:, 1], marker="+", s=140, color="black", linewidth=2, label="anchor")
    left.set(xscale="log", yscale="log", xlabel=f"width, pixels at input size {size}", ylabel="height, pixels")
    for axis in (left.xaxis, left.yaxis):
        plain_log_ticks(axis, (5, 10, 20, 50, 100, 200, 500, 1000))
    left.legend(fontsize=8, markerscale=1.2, loc="upper left", handletextpad=0.2)
    right.plot(table.index, table["mean_iou"], marker="o", color="#111111", label="mean IoU with the best anchor")
    right.plot(
        table.index,
        table["above_half"],
        marker="s",
        linestyle="--",
        color=OTHER_COLOUR,
        label="share of boxes above IoU 0.5",
    )
    right.set(xlabel="number of anchors", ylim=(0, 1.02), ylabel="mean IoU, or share")
    right.legend(loc="lower right")
    listed = ", ".join(f"{pixels(width)}x{pixels(height)}" for width, height in anchors)
    best = table.loc[count] if count in table.index else table.iloc[-1]
    fit = "fits" if count == 1 else "fit"
    caption = (
        f"{counted(count, 'anchor')} at input size {size} ({listed}) {fit} with a mean IoU of {best['mean_iou']:.2f}, "
        f"and {percent(best['above_half'])} of boxes have one above 0.5."
    )
    return captioned(exploration, "Anchors", caption, figure)
