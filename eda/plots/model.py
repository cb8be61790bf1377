"""Plots of an ImageNet classifier's predictions for the images: the domain gap."""

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.ticker import PercentFormatter
from scipy import stats

from eda.explore import Exploration
from eda.plots.style import OTHER_COLOUR, Plot, captioned, new_figure, percent, show_grid, styled
from eda.predictions import near_ppe

NEAR_COLOUR, FAR_COLOUR = "#3C4852", "#C3C9CE"
SHOWN = 15
GROUPS = 4
"""The median line has a point for each of this many groups of about equal size."""
SIGNIFICANCE_LEVEL = 0.05


def top1_predictions(exploration: Exploration, predictions: pd.DataFrame) -> pd.DataFrame:
    """Return the top-1 prediction for each image, joined with the image's row."""
    top1 = predictions[predictions["rank"] == 1].set_index("image_row").drop(columns="problem")
    return top1.join(exploration.images, how="inner").assign(near=near_ppe(top1["label"]))


@styled()
def plot_top1(exploration: Exploration, predictions: pd.DataFrame) -> Plot:
    """Draw the most frequent top-1 classes; those near protective equipment are dark."""
    top1 = top1_predictions(exploration, predictions)
    counts = top1.groupby("label").agg(images=("score", "size"), near=("near", "first"))
    most = counts.sort_values("images", ascending=False, kind="stable").head(SHOWN)
    short = [label if len(label) < 34 else f"{label[:32]}…" for label in most.index]
    figure, ax = new_figure(8.5, 0.3 * len(most) + 1.4)
    bars = ax.barh(short, most["images"], color=[NEAR_COLOUR if near else FAR_COLOUR for near in most["near"]])
    ax.bar_label(bars, padding=3)
    ax.invert_yaxis()
    ax.set_xlabel("images with this top-1 class (dark: near protective equipment)")
    show_grid(ax, "x")
    near, classes = float(top1["near"].mean()), len(counts)
    caption = (
        f"{len(top1):,} images have {classes:,} different top-1 classes; {percent(near)} of images have a class near "
        f"protective equipment. The most frequent class is “{counts['images'].idxmax()}”."
    )
    return captioned(exploration, "Top-1 ImageNet classes", caption, figure)


@styled()
def plot_confidence(exploration: Exploration, predictions: pd.DataFrame) -> Plot:
    """Draw the top-1 confidence: overall, against box size and against crowding."""
    top1 = top1_predictions(exploration, predictions)
    figure, (left, middle, right) = new_figure(12.5, 3.4, columns=3)
    sns.histplot(top1, x="score", bins=np.linspace(0, 1, 21), color=OTHER_COLOUR, ax=left)
    left.set(xlabel="top-1 score", ylabel="images", xlim=(0, 1))
    left.axvline(top1["score"].median(), color="black", linestyle="--", linewidth=1.2)
    show_grid(left, "y")
    size = draw_trend(middle, top1, "median_size", "median box side / image side")
    middle.xaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    crowd = draw_trend(right, top1, "n_boxes", "boxes in the image")
    caption = (
        f"The median top-1 score is {top1['score'].median():.2f} (dashed); confidence {size} the median box "
        f"size and {crowd} the number of boxes."
    )
    return captioned(exploration, "Confidence", caption, figure)


def draw_trend(ax: Axes, top1: pd.DataFrame, column: str, label: str) -> str:
    """Draw score against a column, with the median of each quarter; return the trend in words."""
    data = top1[[column, "score"]].dropna()
    sns.scatterplot(data, x=column, y="score", color=OTHER_COLOUR, alpha=0.4, s=18, linewidth=0, ax=ax)
    groups = pd.qcut(data[column].rank(method="first"), min(GROUPS, len(data)), labels=False)
    medians = data.groupby(groups).median()
    ax.plot(medians[column], medians["score"], color="black", marker="o", label="median of each quarter")
    ax.set(xlabel=label, ylabel="top-1 score", ylim=(0, 1.02))
    ax.legend(fontsize=8, loc="upper right")
    if data[column].nunique() < 2 or data["score"].nunique() < 2:
        return "cannot be compared with"
    rho, p = stats.spearmanr(data[column], data["score"])
    if p >= SIGNIFICANCE_LEVEL:
        return f"has no significant trend (Spearman's rho {rho:+.2f}, p {p:.2g}) with"
    return f"{'rises' if rho > 0 else 'falls'} (Spearman's rho {rho:+.2f}, p {p:.2g}) with"
