"""Plots of what an ImageNet classifier makes of the photos: the domain gap."""

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.ticker import PercentFormatter
from scipy import stats

from eda.explore import Exploration
from eda.meet_model import near_ppe
from eda.plots.style import OTHER_COLOUR, Plot, finished, new_figure, only_grid, percent, styled

NEAR_COLOUR, FAR_COLOUR = "#3C4852", "#C3C9CE"
SHOWN = 15
GROUPS = 4
"""Photos are put into so many groups of about equal size for the median line."""
SURE_P = 0.05


def best_answers(found: Exploration, answers: pd.DataFrame) -> pd.DataFrame:
    """Return the best answer for each photo, joined with the photo's row."""
    best = answers[answers["rank"] == 1].set_index("image_row").drop(columns="problem")
    return best.join(found.images, how="inner").assign(near=near_ppe(best["label"]))


@styled()
def plot_answers(found: Exploration, answers: pd.DataFrame) -> Plot:
    """Draw which of the 1,000 classes come up first, those near protective dress marked."""
    best = best_answers(found, answers)
    counts = best.groupby("label").agg(photos=("score", "size"), near=("near", "first"))
    top = counts.sort_values("photos", ascending=False, kind="stable").head(SHOWN)
    short = [label if len(label) < 34 else f"{label[:32]}…" for label in top.index]
    figure, ax = new_figure(8.5, 0.3 * len(top) + 1.4)
    bars = ax.barh(short, top["photos"], color=[NEAR_COLOUR if near else FAR_COLOUR for near in top["near"]])
    ax.bar_label(bars, padding=3)
    ax.invert_yaxis()
    ax.set_xlabel("photos with this as the best answer (dark: a class near protective dress)")
    only_grid(ax, "x")
    near, classes = float(best["near"].mean()), len(counts)
    sentence = (
        f"{len(best):,} photos got {classes:,} different best answers; {percent(near)} of photos are taken "
        f"for something near protective dress, most often “{counts['photos'].idxmax()}”."
    )
    return finished(found, "What ImageNet's classes make of the photos", sentence, figure)


@styled()
def plot_confidence(found: Exploration, answers: pd.DataFrame) -> Plot:
    """Draw how sure the best answer is: overall, against box size, and against crowding."""
    best = best_answers(found, answers)
    figure, (left, middle, right) = new_figure(12.5, 3.4, columns=3)
    sns.histplot(best, x="score", bins=np.linspace(0, 1, 21), color=OTHER_COLOUR, ax=left)
    left.set(xlabel="score of the best answer", ylabel="photos", xlim=(0, 1))
    left.axvline(best["score"].median(), color="black", linestyle="--", linewidth=1.2)
    only_grid(left, "y")
    size = draw_trend(middle, best, "median_size", "median box side / photo side")
    middle.xaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    crowd = draw_trend(right, best, "n_boxes", "boxes in the picture")
    sentence = (
        f"The median best score is {best['score'].median():.2f} (dashed); confidence {size} the median box "
        f"size and {crowd} the number of boxes."
    )
    return finished(found, "How sure the model is", sentence, figure)


def draw_trend(ax: Axes, best: pd.DataFrame, column: str, label: str) -> str:
    """Draw score against a column, with the median of each quarter; return the trend in words."""
    data = best[[column, "score"]].dropna()
    sns.scatterplot(data, x=column, y="score", color=OTHER_COLOUR, alpha=0.4, s=18, linewidth=0, ax=ax)
    groups = pd.qcut(data[column].rank(method="first"), min(GROUPS, len(data)), labels=False)
    medians = data.groupby(groups).median()
    ax.plot(medians[column], medians["score"], color="black", marker="o", label="median of each quarter")
    ax.set(xlabel=label, ylabel="score of the best answer", ylim=(0, 1.02))
    ax.legend(fontsize=8, loc="upper right")
    if data[column].nunique() < 2 or data["score"].nunique() < 2:
        return "cannot be compared with"
    rho, p = stats.spearmanr(data[column], data["score"])
    if p >= SURE_P:
        return f"shows no sure trend (Spearman's rho {rho:+.2f}, p {p:.2g}) with"
    return f"{'rises' if rho > 0 else 'falls'} (Spearman's rho {rho:+.2f}, p {p:.2g}) with"
