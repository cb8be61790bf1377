"""Plots of image resolution, brightness and sharpness."""

import seaborn as sns

from eda.explore import Exploration
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


@styled()
def plot_resolutions(exploration: Exploration) -> Plot:
    """Draw width and height of every image."""
    figure, ax = new_figure(6.5, 4.2)
    images = exploration.images
    sns.scatterplot(
        images,
        x="frame_width",
        y="frame_height",
        hue="split",
        hue_order=exploration.dataset.splits,
        palette=split_colours(exploration.dataset.splits),
        style="split",
        style_order=exploration.dataset.splits,
        alpha=0.6,
        s=34,
        linewidth=0,
        legend=len(exploration.dataset.splits) > 1,
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
    common = images.groupby(["frame_width", "frame_height"]).size().sort_values(ascending=False)
    (width, height), count = common.index[0], int(common.iloc[0])
    caption = (
        f"{percent(landscape)} of images are landscape; the most common size is {width:.0f}x{height:.0f} "
        f"({count:,} images), the median image has {images['megapixels'].median():.2f} megapixels."
    )
    return captioned(exploration, "Resolution", caption, figure)


@styled()
def plot_qualities(exploration: Exploration) -> Plot:
    """Draw resolution, aspect, brightness, contrast and sharpness, by split."""
    figure, axes = new_figure(12.5, 2.9, columns=len(QUALITIES))
    splits = exploration.dataset.splits
    for ax, (column, label) in zip(axes, QUALITIES.items(), strict=True):
        sns.ecdfplot(
            exploration.images,
            x=column,
            hue="split",
            hue_order=splits,
            palette=split_colours(splits),
            legend=ax is axes[-1] and len(splits) > 1,
            ax=ax,
        )
        if column in LOGARITHMIC:
            ax.set_xscale("log")
            plain_log_ticks(ax.xaxis, LOGARITHMIC[column])
        ax.set(xlabel=label, ylabel="share of images below" if ax is axes[0] else "")
        show_grid(ax, "y")
    images = exploration.images
    dark = float((images["brightness"] < 0.25).mean())
    spread = images["sharpness"].quantile(0.9) / images["sharpness"].quantile(0.1)
    caption = (
        f"{percent(dark)} of images are dark (mean luma under 0.25), and the sharpest tenth is at least "
        f"{spread:.0f} times as sharp as the blurriest tenth."
    )
    return captioned(exploration, "Aspect, brightness and sharpness", caption, figure)
