"""What input size and what anchors the boxes suggest."""

from matplotlib.ticker import PercentFormatter

from eda.explore import Exploration
from eda.measure.anchors import (
    FINEST_STRIDE,
    INPUT_SIZES,
    TOLERATED_SHARE,
    USUAL_ANCHORS,
    anchor_table,
    fit_anchors,
    input_size_table,
    scaled_sides,
    suggested_input_size,
)
from eda.plots.style import (
    CLASS_COLOURS,
    OTHER_COLOUR,
    Plot,
    finished,
    new_figure,
    percent,
    plain_log_ticks,
    styled,
)

SHADES = {1: "#111111", 2: "#5B6770", 4: "#A9B1B7"}
"""Grey, so that no line has a class's colour. Keys: cells of FINEST_STRIDE pixels."""


@styled()
def plot_input_sizes(found: Exploration) -> Plot:
    """Draw how many boxes get too thin for the finest feature map, by input size."""
    table = input_size_table(found.boxes)
    figure, ax = new_figure(7, 3.4)
    for cells, colour in SHADES.items():
        style = {1: "-", 2: "--", 4: ":"}[cells]
        label = f"under {cells * FINEST_STRIDE} pixels"
        ax.plot(table.index, table[f"under_{cells}"], marker="o", linestyle=style, color=colour, label=label)
    ax.axhline(TOLERATED_SHARE, color="#A3123A", linewidth=1)
    ax.annotate(
        f"limit: {percent(TOLERATED_SHARE)}",
        (INPUT_SIZES[-1], TOLERATED_SHARE),
        xytext=(0, 3),
        textcoords="offset points",
        ha="right",
        color="#A3123A",
    )
    ax.set_xscale("log")
    ax.set_xticks(INPUT_SIZES, [str(size) for size in INPUT_SIZES])
    ax.minorticks_off()
    ax.yaxis.set_major_formatter(PercentFormatter(1))
    ax.set(xlabel="input size: longer side of the photo, pixels", ylabel="share of boxes", ylim=(0, None))
    ax.legend(title="shorter side of the box")
    size = suggested_input_size(table)
    two, limit = 2 * FINEST_STRIDE, percent(TOLERATED_SHARE)
    if size is None:
        sentence = f"At every usual input size more than {limit} of boxes are thinner than {two} pixels: use tiles."
    else:
        sentence = (
            f"From {size} pixels on, at most {limit} of boxes are thinner than {two} pixels (two cells at "
            f"stride {FINEST_STRIDE}); at {INPUT_SIZES[0]} it is {percent(table['under_2'].iloc[0])}."
        )
    return finished(found, "What input size the boxes ask for", sentence, figure)


@styled()
def plot_anchors(found: Exploration) -> Plot:
    """Draw the usual number of anchors over the boxes, and how the fit grows with their number."""
    size = suggested_input_size(input_size_table(found.boxes)) or INPUT_SIZES[-1]
    sides = scaled_sides(found.boxes, size)
    table = anchor_table(found.boxes, size)
    count = min(USUAL_ANCHORS, int(table.index.max()))
    anchors = fit_anchors(sides, count)
    figure, (left, right) = new_figure(10.5, 4.0, columns=2)
    for name, colour in CLASS_COLOURS.items():
        chosen = sides[(found.boxes["class_name"] == name).to_numpy()]
        left.scatter(chosen[:, 0], chosen[:, 1], s=10, alpha=0.8, color=colour, linewidth=0, label=name)
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
    listed = ", ".join(f"{width:.0f}x{height:.0f}" for width, height in anchors)
    best = table.loc[count] if count in table.index else table.iloc[-1]
    sentence = (
        f"{count} anchors at input size {size} ({listed}) fit with a mean IoU of {best['mean_iou']:.2f}, and "
        f"{percent(best['above_half'])} of boxes find one above 0.5."
    )
    return finished(found, "What anchors the boxes suggest", sentence, figure)
