"""Plots of image resolution, brightness and sharpness."""

import math
from dataclasses import replace

import pandas as pd
import seaborn as sns
from matplotlib.lines import Line2D
from matplotlib.ticker import PercentFormatter

from eda.explore import Exploration
from eda.plots.charts import Look, axis, scatter_chart
from eda.plots.palette import split_colours
from eda.plots.style import (
    Plot,
    captioned,
    new_figure,
    percent,
    plain_log_ticks,
    show_grid,
    styled,
)

QUALITIES = {
    "megapixels": "megapixels",
    "image_aspect": "width / height",
    "brightness": "brightness (mean luma, 0 to 1)",
    "contrast": "contrast (st. dev. of luma, 0 to 1)",
    "sharpness": "sharpness (variance of the\nLaplacian at 512 pixels)",
}
LOGARITHMIC = {"megapixels": (0.1, 0.3, 1, 3, 10), "sharpness": (10, 30, 100, 300, 1000, 3000, 10000)}
"""Quantities on a logarithmic axis, and where to label it."""


DARK = 0.25


def sharpness_words(sharpness: pd.Series) -> str:
    """Compare the sharpest tenth with the blurriest, in words that never round a minimum up."""
    sharpness = sharpness.dropna()
    if len(sharpness) < 2:
        return ""
    low, high = (float(sharpness.quantile(q)) for q in (0.1, 0.9))
    if low <= 0:
        blank = float((sharpness <= 0).mean())
        return f", and {percent(blank)} have no detail at all" if blank else ""
    factor = math.floor(10 * high / low) / 10
    if factor <= 1:
        return ", and the sharpest tenth is hardly sharper than the blurriest"
    return f", and the sharpest tenth is at least {factor:g} times as sharp as the blurriest"


def size_words(images: pd.DataFrame) -> str:
    """Name the most common image size, or say that no size occurs twice."""
    common = images.groupby(["frame_width", "frame_height"]).size().sort_values(ascending=False)
    (width, height), count = common.index[0], int(common.iloc[0])
    if len(images) == 1:
        return f"the only one has {width:.0f}x{height:.0f} pixels"
    if count == 1:
        return "no two images have the same size"
    return f"the most common size is {width:.0f}x{height:.0f} ({count:,} images)"


@styled()
def plot_resolutions(exploration: Exploration) -> Plot:
    """Draw width and height of every image."""
    figure, ax = new_figure(6.5, 4.2)
    images = exploration.images
    sizes = size_points(images)
    sns.scatterplot(
        sizes,
        x="width",
        y="height",
        hue="split",
        hue_order=exploration.dataset.splits,
        palette=split_colours(exploration.dataset.splits),
        style="split",
        style_order=exploration.dataset.splits,
        size="images",
        sizes=(20, 220) if sizes["images"].max() > 1 else (34, 34),
        alpha=0.6,
        linewidth=0,
        legend="brief",
        ax=ax,
    )
    edge = float(images[["frame_width", "frame_height"]].max().max()) * 1.06
    ax.plot([0, edge], [0, edge], color="#999999", linewidth=1, linestyle=":")
    ax.annotate(
        "square",
        (edge * 0.9, edge * 0.9),
        xytext=(-6, 6),
        textcoords="offset points",
        ha="right",
        color="#555555",
    )
    ax.set(xlabel="width, pixels", ylabel="height, pixels", xlim=(0, edge), ylim=(0, edge))
    landscape = float((images["frame_width"] > images["frame_height"]).mean())
    caption = (
        f"{percent(landscape)} of images are landscape; {size_words(images)}; the median image has "
        f"{images['megapixels'].median():.2f} megapixels."
    )
    chart = scatter_chart(
        sizes,
        axis("width", "width, pixels"),
        axis("height", "height, pixels"),
        Look("split", split_colours(exploration.dataset.splits), size="images"),
        ["width", "height", "images", "split"],
    )
    return replace(captioned(exploration, "Resolution", caption, figure), chart=chart)


def size_points(images: pd.DataFrame) -> pd.DataFrame:
    """Return the number of images of each split and size: split, width, height, images."""
    sizes = images.groupby(["split", "frame_width", "frame_height"]).size().rename("images").reset_index()
    return sizes.rename(columns={"frame_width": "width", "frame_height": "height"})


@styled()
def plot_qualities(exploration: Exploration) -> Plot:
    """Draw resolution, aspect, brightness, contrast and sharpness, by split."""
    figure, axes = new_figure(10.5, 6, columns=3, rows=2)
    splits = exploration.dataset.splits
    legend_place = axes.flat[-1]
    legend_place.set_axis_off()
    for ax, (column, label) in zip(axes.flat, QUALITIES.items(), strict=False):
        sns.ecdfplot(
            exploration.images,
            x=column,
            hue="split",
            hue_order=splits,
            palette=split_colours(splits),
            legend=False,
            ax=ax,
        )
        if column in LOGARITHMIC:
            ax.set_xscale("log")
            plain_log_ticks(ax.xaxis, LOGARITHMIC[column])
        ax.set(xlabel=label, ylabel="images up to this value" if ax in axes[:, 0] else "")
        ax.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
        show_grid(ax, "y")
    if len(splits) > 1:
        colours = split_colours(splits)
        handles = [Line2D([], [], color=colours[name], label=name) for name in splits]
        legend_place.legend(handles=handles, loc="center left", title="split")
    images = exploration.images
    dark = float((images["brightness"].dropna() < DARK).mean())
    caption = (
        f"{percent(dark)} of images are dark (mean luma under {DARK:g}){sharpness_words(images['sharpness'])}. "
        + ("Each curve shows the share of images up to a value: where it is steep, many images lie.")
    )
    return captioned(exploration, "Aspect, brightness and sharpness", caption, figure)
