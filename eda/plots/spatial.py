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
    view = view_classes(exploration)
    table = co_occurrence(view.boxes)
    figure = share_matrix(table, "… that also show (diagonal: two or more), %", "of the images with …")
    words = co_occurrence_words(co_occurrence(view.every) if view.grouped else table)
    return captioned(exploration, "Co-occurrence", f"{words}.", figure)


def co_occurrence_words(table: pd.DataFrame) -> str:
    """Name the pairs of classes that come together most and least often, with both shares as the matrix shows them.

    Pairs are ordered by the mean of their two shares: one share alone favours the rarer class of the pair.
    """
    shares = table.to_numpy(dtype=float)
    known = np.flatnonzero(~np.isnan(shares).all(axis=1))
    pairs = list(combinations(known.tolist(), 2))
    if not pairs:
        return "No two of the classes have boxes, so none come together"
    first, second = np.array(pairs).T
    sums = shares[first, second] + shares[second, first]
    most, least, never = pairs[sums.argmax()], pairs[sums.argmin()], int((sums == 0).sum())

    def words(pair: tuple[int, int]) -> str:
        (i, j), (a, b) = pair, table.index[list(pair)]
        there, back = percent(float(shares[i, j])), percent(float(shares[j, i]))
        return f"{a} and {b} ({there} of images with {a} show {b}, {back} of those with {b} show {a})"

    if never == len(pairs):
        return "No image shows two of the classes"
    if len(pairs) == 1:
        return f"Together: {words(most)}"
    if np.ptp(sums) == 0:
        return f"Each two of the classes come together equally often, such as {words(most)}"
    rest = f"least often: {words(least)}"
    if never > 1:
        a, b = table.index[list(least)]
        rest = f"{never:,} of {len(pairs):,} pairs never do, such as {a} and {b}"
    return f"Most often together, by the mean of both shares: {words(most)}; {rest}"


@styled()
def plot_overlaps(exploration: Exploration) -> Plot:
    """Draw the share of boxes of one class that overlap a box of another by half of the smaller box."""
    view = view_classes(exploration)
    table = overlap_table(view.boxes)
    xlabel = "… that overlap a box of this class (by half of the smaller), %"
    figure = share_matrix(table, xlabel, "of the boxes of …")
    words = overlap_words(overlap_table(view.every) if view.grouped else table)
    return captioned(exploration, "Overlap", f"{words}.", figure)


def overlap_words(table: pd.DataFrame) -> str:
    """Name the largest share of boxes that overlap another class, and the largest within a class."""
    off, same = off_diagonal(table), pd.Series(np.diag(table), index=table.index).dropna()
    within = f"within a class it is at most {percent(float(same.max()))} ({same.idxmax()})"
    if off.empty or off.max() == 0:
        if same.max() == 0:
            return "No box overlaps another by half of the smaller box"
        start = "No box overlaps one of another class by half of the smaller box; " if len(same) > 1 else ""
        return f"{start}{percent(float(same.max()))} of {same.idxmax()} boxes overlap one of their own class so"
    if same.max() == 0:
        within = "none overlaps one of its own class so"
    high = off.idxmax()
    return f"{percent(off[high])} of {high[0]} boxes overlap a {high[1]} by at least half of the smaller box; {within}"


def off_diagonal(table: pd.DataFrame) -> pd.Series:
    """Return the cells of a square table outside its diagonal, indexed by (row, column)."""
    cells = table.astype(float).mask(np.eye(len(table), dtype=bool))
    cells.index.name = cells.columns.name = None
    return cells.stack().dropna()
