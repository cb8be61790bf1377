"""Plots of where boxes are, and of what occurs with what."""

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from eda.cppe5 import CLASS_NAMES
from eda.explore import Exploration
from eda.measure.places import co_occurrence, heat_map, overlap_table
from eda.plots.style import SEQUENTIAL, Plot, finished, new_figure, only_grid, percent, styled


@styled()
def plot_heat_maps(found: Exploration) -> Plot:
    """Draw where on the picture the boxes of each class lie, one panel a class."""
    maps = {name: heat_map(found.boxes[found.boxes["class_name"] == name]) for name in CLASS_NAMES}
    figure, axes = new_figure(12, 3.0, columns=5)
    for ax, name in zip(axes, CLASS_NAMES, strict=True):
        shown = ax.imshow(
            maps[name], cmap=SEQUENTIAL, vmin=0, vmax=max(1e-9, float(maps[name].max())), extent=(0, 1, 1, 0)
        )
        ax.set_title(f"{name}, peak {percent(float(maps[name].max()))}")
        ax.set_xticks([0, 0.5, 1])
        ax.set_yticks([0, 0.5, 1])
        ax.xaxis.set_major_formatter(PercentFormatter(1))
        ax.yaxis.set_major_formatter(PercentFormatter(1))
        only_grid(ax, "")
        if ax is not axes[0]:
            ax.set_yticklabels([])
    axes[0].set_ylabel("of the photo's height")
    axes[2].set_xlabel("of the photo's width")
    bar = figure.colorbar(shown, ax=axes, shrink=0.85, pad=0.01, ticks=[0, shown.norm.vmax])
    bar.ax.set_yticklabels(["none", "peak"])
    bar.set_label("boxes that cover the place")
    heights = found.boxes.groupby("class_name", observed=True)["cy"].median()
    listed = ", ".join(f"{name} {percent(height)}" for name, height in heights.sort_values().items())
    offset = float((found.boxes["cx"] - 0.5).abs().median())
    sentence = (
        f"Median centre, from the top: {listed}; the median box is {percent(offset)} of the photo's width "
        f"away from the middle."
    )
    return finished(found, "Where each class sits", sentence, figure)


def share_matrix(table: pd.DataFrame, xlabel: str, ylabel: str) -> Figure:
    """Draw a class by class table of shares with the number in each cell."""
    figure, ax = new_figure(6, 4.2)
    sns.heatmap(
        table.astype(float),
        annot=table.map(lambda share: "" if np.isnan(share) else f"{100 * share:.0f}"),
        fmt="",
        cmap=SEQUENTIAL,
        vmin=0,
        vmax=1,
        linewidths=1,
        cbar_kws={"format": PercentFormatter(1), "label": "share"},
        ax=ax,
    )
    ax.set(xlabel=xlabel, ylabel=ylabel)
    ax.tick_params(axis="x", rotation=20)
    ax.tick_params(axis="y", rotation=0)
    return figure


@styled()
def plot_co_occurrence(found: Exploration) -> Plot:
    """Draw, of the pictures with one class, how many also show another."""
    table = co_occurrence(found.boxes)
    figure = share_matrix(table, "… that also show (diagonal: two or more), %", "of the pictures with …")
    off = off_diagonal(table)
    high, low = off.idxmax(), off.idxmin()
    sentence = (
        f"{percent(off[high])} of pictures with {high[0]} also show {high[1]}; least often together: "
        f"{low[1]} with {low[0]} ({percent(off[low])})."
    )
    return finished(found, "What occurs together", sentence, figure)


@styled()
def plot_overlaps(found: Exploration) -> Plot:
    """Draw how many boxes of one class share half of the smaller box with one of another."""
    table = overlap_table(found.boxes)
    xlabel = "… a box of this class lies (half of the smaller shared), %"
    figure = share_matrix(table, xlabel, "on the boxes of …")
    off = off_diagonal(table)
    high = off.idxmax()
    same = pd.Series(np.diag(table), index=table.index)
    sentence = (
        f"{percent(off[high])} of {high[0]} boxes share at least half of the smaller box with a {high[1]}; "
        f"within a class it is at most {percent(float(same.max()))} ({same.idxmax()})."
    )
    return finished(found, "What lies on what", sentence, figure)


def off_diagonal(table: pd.DataFrame) -> pd.Series:
    """Return the cells of a square table but its diagonal, indexed by (row, column)."""
    cells = table.astype(float).mask(np.eye(len(table), dtype=bool))
    cells.index.name = cells.columns.name = None
    return cells.stack().dropna()
