"""Plots of where boxes are, which classes occur together and which overlap."""

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from eda.explore import Exploration
from eda.measure.spatial import co_occurrence, heat_map, overlap_table
from eda.plots.palette import view_classes
from eda.plots.style import SEQUENTIAL, Plot, captioned, new_figure, percent, show_grid, styled

PANELS = 5
"""Heat maps in a row."""


@styled()
def plot_heat_maps(exploration: Exploration) -> Plot:
    """Draw where in the image the boxes of each class lie, one panel for each class."""
    view = view_classes(exploration)
    maps = {name: heat_map(view.boxes[view.boxes["class_name"] == name]) for name in view.names}
    lines = -(-len(view.names) // PANELS)
    figure, axes = new_figure(12, 3.0 * lines, columns=PANELS, rows=lines, squeeze=False)
    for ax in axes.flat[len(view.names) :]:
        ax.set_axis_off()
    for ax, name in zip(axes.flat, view.names, strict=False):
        shown = ax.imshow(
            maps[name], cmap=SEQUENTIAL, vmin=0, vmax=max(1e-9, float(maps[name].max())), extent=(0, 1, 1, 0)
        )
        ax.set_title(f"{name}, peak {percent(float(maps[name].max()))}")
        ax.set_xticks([0, 0.5, 1])
        ax.set_yticks([0, 0.5, 1])
        ax.xaxis.set_major_formatter(PercentFormatter(1))
        ax.yaxis.set_major_formatter(PercentFormatter(1))
        show_grid(ax, "")
        if ax not in axes[:, 0]:
            ax.set_yticklabels([])
    axes[0, 0].set_ylabel("share of the image's height")
    axes[-1, 0].set_xlabel("share of the image's width")
    bar = figure.colorbar(shown, ax=axes, shrink=0.85, pad=0.01, ticks=[0, shown.norm.vmax])
    bar.ax.set_yticklabels(["none", "peak"])
    bar.set_label("boxes that cover the cell")
    heights = exploration.boxes.groupby("class_name", observed=True)["cy"].median()
    listed = ", ".join(f"{name} {percent(height)}" for name, height in heights.sort_values().items())
    offset = float((exploration.boxes["cx"] - 0.5).abs().median())
    caption = (
        f"Median centre, from the top: {listed}; the median box is {percent(offset)} of the image's width "
        f"away from the middle."
    )
    return captioned(exploration, "Position of each class", caption, figure)


def share_matrix(table: pd.DataFrame, xlabel: str, ylabel: str) -> Figure:
    """Draw a class-by-class table of shares with the percentage in each cell."""
    figure, ax = new_figure(max(6, 0.62 * len(table) + 2.5), max(4.2, 0.42 * len(table) + 2))
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
def plot_co_occurrence(exploration: Exploration) -> Plot:
    """Draw, of the images with one class, the share that also shows another."""
    table = co_occurrence(view_classes(exploration).boxes)
    figure = share_matrix(table, "… that also show (diagonal: two or more), %", "of the images with …")
    off = off_diagonal(table)
    high, low = off.idxmax(), off.idxmin()
    caption = (
        f"{percent(off[high])} of images with {high[0]} also show {high[1]}; the lowest share is "
        f"{low[1]} with {low[0]} ({percent(off[low])})."
    )
    return captioned(exploration, "Co-occurrence", caption, figure)


@styled()
def plot_overlaps(exploration: Exploration) -> Plot:
    """Draw the share of boxes of one class that overlap a box of another by half of the smaller box."""
    table = overlap_table(view_classes(exploration).boxes)
    xlabel = "… that overlap a box of this class (by half of the smaller), %"
    figure = share_matrix(table, xlabel, "of the boxes of …")
    off = off_diagonal(table)
    high = off.idxmax()
    same = pd.Series(np.diag(table), index=table.index)
    caption = (
        f"{percent(off[high])} of {high[0]} boxes overlap a {high[1]} by at least half of the smaller box; "
        f"within a class it is at most {percent(float(same.max()))} ({same.idxmax()})."
    )
    return captioned(exploration, "Overlap", caption, figure)


def off_diagonal(table: pd.DataFrame) -> pd.Series:
    """Return the cells of a square table outside its diagonal, indexed by (row, column)."""
    cells = table.astype(float).mask(np.eye(len(table), dtype=bool))
    cells.index.name = cells.columns.name = None
    return cells.stack().dropna()
