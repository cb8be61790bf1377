"""Plots of where boxes are, which classes occur together and which overlap."""

import textwrap
from itertools import combinations

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.colors import PowerNorm
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from eda.explore import Exploration
from eda.measure.spatial import co_occurrence, heat_map, overlap_table
from eda.plots.palette import MAX_CLASSES, view_classes
from eda.plots.style import SEQUENTIAL, Plot, captioned, new_figure, percent, show_grid, styled

TITLE_WIDTH = 16
"""Characters of a class's name that fit over a heat map, or beside its neighbour under a matrix."""

PANELS = 5
"""Heat maps in a row."""


@styled()
def plot_heat_maps(exploration: Exploration) -> Plot:
    """Draw where in the image the boxes of each class lie, one panel for each class."""
    view = view_classes(exploration)
    maps = {name: heat_map(view.boxes[view.boxes["class_name"] == name]) for name in view.names}
    # One scale for all classes; its square root keeps what is rare visible.
    peak = max(1e-9, *(float(cells.max()) for cells in maps.values()))
    lines = -(-len(view.names) // PANELS)
    figure, axes = new_figure(12, 3.0 * lines, columns=PANELS, rows=lines, squeeze=False)
    for ax in axes.flat[len(view.names) :]:
        ax.set_axis_off()
    for ax, name in zip(axes.flat, view.names, strict=False):
        shown = ax.imshow(maps[name], cmap=SEQUENTIAL, norm=PowerNorm(0.5, 0, peak), extent=(0, 1, 1, 0))
        ax.set_title(textwrap.fill(name, TITLE_WIDTH))
        ax.set_xticks([0.2, 0.5, 0.8])
        ax.set_yticks([0.2, 0.5, 0.8])
        ax.xaxis.set_major_formatter(PercentFormatter(1))
        ax.yaxis.set_major_formatter(PercentFormatter(1))
        show_grid(ax, "")
        if ax not in axes[:, 0]:
            ax.set_yticklabels([])
    axes[0, 0].set_ylabel("share of the image's height")
    axes[-1, 0].set_xlabel("share of the image's width")
    bar = figure.colorbar(shown, ax=axes, shrink=0.85, pad=0.01, format=PercentFormatter(1, decimals=0))
    bar.set_label("the class's boxes that cover a cell")
    heights = exploration.boxes.groupby("class_name", observed=True)["cy"].median()
    words = [f"{name} {percent(height)}" for name, height in heights.sort_values().items()]
    listed = ", ".join(words if len(words) <= MAX_CLASSES else [*words[:3], "…", *words[-3:]])
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
    turn = 20 if max(map(len, table.columns)) <= TITLE_WIDTH else 50
    ax.tick_params(axis="x", rotation=turn)
    for label in ax.get_xticklabels():
        label.set(ha="right", rotation_mode="anchor")
    ax.tick_params(axis="y", rotation=0)
    return figure


@styled()
def plot_co_occurrence(exploration: Exploration) -> Plot:
    """Draw, of the images with one class, the share that also shows another."""
    table = co_occurrence(view_classes(exploration).boxes)
    figure = share_matrix(table, "… that also show (diagonal: two or more), %", "of the images with …")
    return captioned(exploration, "Co-occurrence", f"{co_occurrence_words(table)}.", figure)


def co_occurrence_words(table: pd.DataFrame) -> str:
    """Name the pairs of classes that come together most and least often, with both shares as the matrix shows them.

    Pairs are ordered by the mean of their two shares: one share alone favours the rarer class of the pair.
    """
    pairs = {
        (a, b): (float(table.loc[a, b]), float(table.loc[b, a]))
        for a, b in combinations(table.index, 2)
        if table.loc[[a, b], [a, b]].notna().all(axis=None)
    }
    if not pairs:
        return "No two of the classes have boxes, so none come together"

    def words(pair: tuple[str, str]) -> str:
        (a, b), (ab, ba) = pair, pairs[pair]
        return f"{a} and {b} ({percent(ab)} of images with {a} show {b}, {percent(ba)} of those with {b} show {a})"

    most = max(pairs, key=lambda pair: sum(pairs[pair]))
    least = min(pairs, key=lambda pair: sum(pairs[pair]))
    if len(pairs) == 1:
        return f"Together: {words(most)}"
    return f"Most often together, by the mean of both shares: {words(most)}; least often: {words(least)}"


@styled()
def plot_overlaps(exploration: Exploration) -> Plot:
    """Draw the share of boxes of one class that overlap a box of another by half of the smaller box."""
    table = overlap_table(view_classes(exploration).boxes)
    xlabel = "… that overlap a box of this class (by half of the smaller), %"
    figure = share_matrix(table, xlabel, "of the boxes of …")
    caption = f"{overlap_words(table)}."
    return captioned(exploration, "Overlap", caption, figure)


def overlap_words(table: pd.DataFrame) -> str:
    """Name the largest share of boxes that overlap another class, and the largest within a class."""
    off, same = off_diagonal(table), pd.Series(np.diag(table), index=table.index).dropna()
    within = f"within a class it is at most {percent(float(same.max()))} ({same.idxmax()})"
    if off.empty or off.max() == 0:
        return f"No box overlaps one of another class by half of the smaller box; {within}"
    high = off.idxmax()
    return f"{percent(off[high])} of {high[0]} boxes overlap a {high[1]} by at least half of the smaller box; {within}"


def off_diagonal(table: pd.DataFrame) -> pd.Series:
    """Return the cells of a square table outside its diagonal, indexed by (row, column)."""
    cells = table.astype(float).mask(np.eye(len(table), dtype=bool))
    cells.index.name = cells.columns.name = None
    return cells.stack().dropna()
