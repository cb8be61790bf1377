"""Plots of box sizes and aspects."""

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.ticker import PercentFormatter

from eda.explore import Exploration
from eda.measure.boxes import SIZE_CLASSES, size_table
from eda.plots.charts import Look, axis, scatter_chart
from eda.plots.palette import ClassView, view_classes
from eda.plots.style import (
    Plot,
    captioned,
    counted,
    legend_label,
    new_figure,
    percent,
    plain_log_ticks,
    show_grid,
    styled,
)

SIZE_SHADES = {"small": "#D9DEE2", "medium": "#8A98A3", "large": "#3C4852"}
RELATIVE_SIZE = "√(box area / image area)"
TALL, WIDE = 1 / 1.5, 1.5
"""Width over height; a box between them counts as about square."""


def by_class(view: ClassView) -> dict[str, Any]:
    """Return seaborn's options for one row for each class, in the class's colour."""
    return {
        "y": "class_name",
        "hue": "class_name",
        "order": view.names,
        "hue_order": view.names,
        "palette": view.colours,
        "legend": False,
        "dodge": False,
        "saturation": 1,
    }


def aspect_words(medians: pd.Series) -> str:
    """Name the classes with the lowest and highest median aspect, or the only one."""
    tall, wide = medians.idxmin(), medians.idxmax()
    if tall == wide:
        return f"the median of {tall} is {medians.min():.2f}"
    return f"{tall} is the tallest class (median {medians.min():.2f}) and {wide} the widest ({medians.max():.2f})"


def relative_words(medians: pd.Series) -> str:
    """Compare the classes with the largest and the smallest median size."""
    large, small = medians.idxmax(), medians.idxmin()
    start = f"The median {large} spans {percent(medians.max())} of the image's side"
    if large == small:
        return start
    factor = f"a factor of {medians.max() / medians.min():.1f} between classes"
    return f"{start}, the median {small} {percent(medians.min())}: {factor}"


def class_rows_height(names: list[str]) -> float:
    """Return the height in inches of a figure with a row for each class."""
    return 0.46 * max(5, len(names)) + 1.1


@styled()
def plot_coco_sizes(exploration: Exploration) -> Plot:
    """Draw the share of COCO's small, medium and large boxes in each class."""
    view = view_classes(exploration)
    table = size_table(view.boxes)
    shares = table[list(SIZE_CLASSES)].div(table[list(SIZE_CLASSES)].sum(axis=1).clip(lower=1), axis=0)
    figure, ax = new_figure(8, class_rows_height(view.names))
    start = 0 * shares["small"]
    for size in SIZE_CLASSES:
        bars = ax.barh(shares.index, shares[size], left=start, color=SIZE_SHADES[size], label=size)
        counts = [f"{n:,}" if share > 0.035 else "" for n, share in zip(table[size], shares[size], strict=True)]
        ax.bar_label(bars, counts, label_type="center", color="white" if size == "large" else "black", fontsize=9)
        start = start + shares[size]
    ax.invert_yaxis()
    ax.set(xlabel="share of the class's boxes (count inside)", xlim=(0, 1))
    ax.xaxis.set_major_formatter(PercentFormatter(1))
    ax.legend(title="box area", bbox_to_anchor=(1.01, 1), loc="upper left")
    ax.set_title("small < 32² ≤ medium < 96² ≤ large, in square pixels of the original image")
    show_grid(ax, "x")
    total, small = table[list(SIZE_CLASSES)].iloc[-1], shares["small"].iloc[:-1]
    smallest = f"{small.idxmax()} has the largest share of small ones ({percent(float(small.max()))})"
    caption = (
        f"{counted(total['small'], 'box is', 'boxes are')} small, {total['medium']:,} medium and "
        f"{total['large']:,} large"
        f"{f'; {smallest}' if total['small'] else ''}."
    )
    return captioned(exploration, "Box size (COCO)", caption, figure)


@styled()
def plot_relative_sizes(exploration: Exploration) -> Plot:
    """Draw the box size relative to the image, in each class."""
    view = view_classes(exploration)
    figure, ax = new_figure(8, class_rows_height(view.names))
    sns.boxenplot(
        view.boxes,
        x="relative_size",
        **by_class(view),
        ax=ax,
    )
    ax.set_xscale("log")
    ticks = [0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1]
    low = float(exploration.boxes["relative_size"].min())
    ax.set_xticks([tick for tick in ticks if tick >= low / 2], minor=False)
    ax.minorticks_off()
    ax.xaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    ax.set(xlabel="√(box area / image area), logarithmic", ylabel="")
    show_grid(ax, "x")
    table = size_table(exploration.boxes)["median"].iloc[:-1].dropna()
    caption = (
        f"{relative_words(table)}. The line in a row is the median, the widest box around it holds half of the class, "
        "and each narrower pair half of what is left."
    )
    return captioned(exploration, "Box size, relative to the image", caption, figure)


def box_points(view: ClassView) -> pd.DataFrame:
    """Return for each box its image_row, class, image, box, pixels (as text), relative_size and aspect."""
    boxes = view.boxes
    return pd.DataFrame(
        {
            "image_row": boxes["image_row"],
            "class": boxes["class_name"].astype(str),
            "image": boxes["split"] + " " + boxes["image_id"].astype(str),
            "box": boxes["box_id"].astype(str),  # a script would round a number of 64 bits
            "pixels": boxes["w"].map("{:.4g}".format) + " x " + boxes["h"].map("{:.4g}".format),
            "relative_size": boxes["relative_size"],
            "aspect": boxes["aspect"],
        }
    )


@styled()
def plot_size_and_aspect(exploration: Exploration) -> Plot:
    """Draw the relative size and the aspect of every box."""
    view = view_classes(exploration)
    points = box_points(view)
    mixed = points.sample(len(points), random_state=0)
    figure, ax = new_figure(9, 4.4)
    ax.scatter(
        mixed["relative_size"],
        mixed["aspect"],
        s=float(np.clip(9000 / len(points), 4, 30)),
        c=list(mixed["class"].map(view.colours)),
        alpha=0.7,
        linewidths=0,
    )
    for name, colour in view.colours.items():
        ax.scatter([], [], color=colour, label=legend_label(name))
    ax.set(xscale="log", yscale="log", xlabel=RELATIVE_SIZE, ylabel="width / height")
    plain_log_ticks(ax.xaxis, (0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1))
    ax.xaxis.set_major_formatter(PercentFormatter(1))
    plain_log_ticks(ax.yaxis, (0.1, 0.2, 0.33, 0.5, 1, 2, 3, 5, 10))
    ax.axhline(1, color="#222222", linewidth=1)
    ax.legend(bbox_to_anchor=(1.01, 1), loc="upper left")
    least = points.loc[points["relative_size"].idxmin()]
    name = exploration.boxes.loc[least.name, "class_name"]
    caption = (
        f"The smallest box, a {name} of {least['pixels']} pixels in image {least['image']}, spans "
        f"{percent(float(least['relative_size']))} of its image's side."
    )
    chart = scatter_chart(
        points,
        axis("relative_size", RELATIVE_SIZE, log=True, percents=True),
        axis("aspect", "width / height", log=True),
        Look("class", view.colours),
        ["class", "pixels", "image", "box"],
    )
    return replace(captioned(exploration, "Box size and aspect", caption, figure), chart=chart)


@styled()
def plot_aspects(exploration: Exploration) -> Plot:
    """Draw width over height in each class."""
    view = view_classes(exploration)
    figure, ax = new_figure(8, class_rows_height(view.names))
    sns.violinplot(
        view.boxes,
        x="aspect",
        **by_class(view),
        inner="quart",
        cut=0,
        log_scale=True,
        density_norm="width",
        ax=ax,
    )
    ax.axvline(1, color="#222222", linewidth=1)
    plain_log_ticks(ax.xaxis, (0.1, 0.2, 0.33, 0.5, 1, 2, 3, 5, 10))
    ax.set(xlabel="width / height, logarithmic (dashed: quartiles; line at 1: square)", ylabel="")
    show_grid(ax, "x")
    medians = exploration.boxes.groupby("class_name", observed=True)["aspect"].median()
    between = float(exploration.boxes["aspect"].between(TALL, WIDE).mean())
    caption = f"{percent(between)} of boxes are about square (2:3 to 3:2); {aspect_words(medians)}."
    return captioned(exploration, "Box aspect", caption, figure)
