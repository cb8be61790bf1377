"""Plots of a comparison: the effects, and the photos of both sides by a model's features."""

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from eda.compare.joint import NAMES
from eda.compare.result import Likeness
from eda.plots.gallery import draw_grid
from eda.plots.style import (
    OTHER_COLOUR,
    SEVERITY_COLOURS,
    Plot,
    captioned,
    new_figure,
    show_grid,
    styled,
)

DRAWN = 30
"""Comparisons in the plot; the table has all."""

SHOWN = 4
"""Photos unlike all of A, and pairs of copies; compare.json has all."""

SIDE_COLOURS = dict(zip(NAMES, ("#8C8C8C", "#D55E00"), strict=True))


@styled()
def plot_effects(table: pd.DataFrame) -> Plot:
    """Draw the effects of the first comparisons; those that differ by more than noise are filled."""
    drawn = table.head(DRAWN)
    figure: Figure
    figure, ax = new_figure(9, 0.3 * max(4, len(drawn)) + 1.2)
    ax.hlines(drawn.index, 0, drawn["effect"], color="#9AA3AA", linewidth=1.5)
    for differs, colour, face, label in (
        (True, SEVERITY_COLOURS["error"], SEVERITY_COLOURS["error"], "more than noise"),
        (False, OTHER_COLOUR, "white", "within noise, or negligible"),
    ):
        rows = drawn[drawn["differs"] == differs]
        ax.scatter(rows["effect"], rows.index, s=48, edgecolors=colour, facecolors=face, zorder=3, label=label)
    ax.set_yticks(list(drawn.index), drawn["comparison"])
    ax.axvline(0, color="#222222", linewidth=1)
    ax.set(xlabel="← less in B      effect (Cliff's delta or Cohen's h)      more in B →")
    ax.invert_yaxis()
    ax.legend(loc="upper left", bbox_to_anchor=(0, -0.12 if len(drawn) > 15 else -0.25), ncols=2)
    show_grid(ax, "x")
    return Plot("Effects", "Filled points differ by more than noise; the table below has the numbers.", figure)


@styled()
def plot_sides(found: Likeness) -> Plot:
    """Draw the photos of both sides on one map."""
    drawn = found.images.dropna(subset=["x"])
    sides = found.joint.images.loc[drawn.index, "split"]
    figure: Figure
    figure, ax = new_figure(7, 5.6)
    # In a random order, so that no side hides the other.
    order = np.random.default_rng(0).permutation(len(drawn))
    size = float(np.clip(9000 / len(drawn), 8, 60))
    inks = sides.map(SIDE_COLOURS).to_numpy()[order]
    ax.scatter(
        drawn["x"].to_numpy()[order], drawn["y"].to_numpy()[order], s=size, c=list(inks), alpha=0.8, linewidths=0
    )
    unlike = drawn[drawn.index.isin(found.unlike.index)]
    ax.scatter(unlike["x"], unlike["y"], s=90, facecolors="none", edgecolors=SEVERITY_COLOURS["error"], linewidths=1.3)
    handles = [ax.scatter([], [], s=40, color=colour, label=name) for name, colour in SIDE_COLOURS.items()]
    ax.legend(handles=handles, loc="upper center", bbox_to_anchor=(0.5, -0.06), ncols=2)
    ax.set(xlabel="t-SNE 1", ylabel="t-SNE 2", xticks=[], yticks=[])
    ax.grid(visible=False)
    counts = sides.value_counts()
    caption = (
        f"{counts['A']:,} photos of A and {counts['B']:,} of B by t-SNE of the features: near points are similar "
        f"photos, distances between groups mean nothing. Ringed: {len(unlike):,} of B that are unlike all of A."
    )
    return captioned(found.joint, "Both sides on one map", caption, figure)


@styled()
def plot_unlike(found: Likeness, *, pixels: bool = True) -> Plot | None:
    """Draw the photos of B that are most unlike A, each above the most similar one of A; None without any."""
    shown = found.unlike.head(SHOWN)
    if shown.empty:
        return None
    rows = [*shown.index, *shown["nearest"].astype(int)]
    titles = [f"robust z {z:.1f}" for z in shown["outlier"]]
    titles += [f"its nearest, {similarity:.2f}" for similarity in shown["similarity"]]
    caption = (
        f"{len(found.unlike):,} of B's photos are farther from their nearest photos of A than A's own are from each "
        f"other (robust z above 3.5). Here are the first {len(shown)}, with the most similar photo of A below each."
    )
    figure = draw_grid(found.joint, rows, titles, pixels=pixels, columns=len(shown))
    return captioned(found.joint, "Photos of B that are unlike A", caption, figure, photographic=pixels)


@styled()
def plot_copies(found: Likeness, *, pixels: bool = True) -> Plot | None:
    """Draw photos of B that are altered copies of A's, the most similar first; None without any."""
    shown = found.pairs.head(SHOWN)
    if shown.empty:
        return None
    rows = [*shown["other"], *shown["row"]]
    titles = [f"pair {n + 1}" for n in range(len(shown))]
    titles += [f"pair {n + 1}, similarity {value:.2f}" for n, value in enumerate(shown["similarity"])]
    caption = (
        f"{found.pairs['row'].nunique():,} of B's photos are copies of A's, as they are or altered: do not train on "
        f"one side and test on the other. Here are the first {len(shown)}."
    )
    figure = draw_grid(found.joint, rows, titles, pixels=pixels, columns=len(shown))
    return captioned(found.joint, "Photos that are in both", caption, figure, photographic=pixels)
