"""Plot of the differences between two splits."""

from eda.explore import Exploration
from eda.measure.splits import FALSE_DISCOVERIES, lowest_p, split_counts
from eda.plots.style import OTHER_COLOUR, Plot, captioned, counted, new_figure, shorten, show_grid, some_words, styled

SIGNIFICANT_COLOUR = "#A3123A"

MAX_LABEL = 44
"""Characters of a comparison's name, which may have a class's in it."""

MAX_ROWS = 30
"""Comparisons in the plot, those with the smallest p; the table below it has all."""


@styled()
def plot_differences(exploration: Exploration) -> Plot | None:
    """Draw the effect sizes of two splits' comparisons, at most MAX_ROWS; return None without a second split.

    Significant ones are filled.
    """
    if exploration.compared is None:
        return None
    first, second = exploration.compared
    table = exploration.differences.head(MAX_ROWS)
    figure, ax = new_figure(8, 0.32 * max(4, len(table)) + 1.2)
    rows = range(len(table))
    ax.hlines(rows, 0, table["effect"], color="#9AA3AA", linewidth=1.5)
    for is_significant, colour, face, label in (
        (True, SIGNIFICANT_COLOUR, SIGNIFICANT_COLOUR, "significant"),
        (False, OTHER_COLOUR, "white", "not significant"),
    ):
        chosen = table.index[table["significant"] == is_significant]
        ax.scatter(
            table.loc[chosen, "effect"],
            chosen,
            s=48,
            edgecolors=colour,
            facecolors=face,
            zorder=3,
            label=label,
        )
    ax.set_yticks(list(rows), [shorten(name, MAX_LABEL) for name in table["comparison"]])
    ax.axvline(0, color="#222222", linewidth=1)
    reach = max(0.3, float(table["effect"].abs().max()) * 1.15)
    ax.set(
        xlim=(-reach, reach),
        xlabel=f"← less in {second}      effect      more in {second} →",
    )
    ax.invert_yaxis()
    ax.legend(loc="upper left", bbox_to_anchor=(1.01, 1))
    show_grid(ax, "x")
    every = exploration.differences
    significant = list(every.loc[every["significant"], "comparison"])
    total, rate = len(every), f"false discovery rate {FALSE_DISCOVERIES:g}"
    if significant:
        differ = "differs" if len(significant) == 1 else "differ"
        caption = (
            f"{len(significant)} of {total} comparisons {differ} significantly ({rate}): {some_words(significant)}."
        )
    elif lowest_p(*(counts := split_counts(exploration.images, first, second))) > FALSE_DISCOVERIES:
        images = f"{counted(counts[0], 'image')} of {first} and {counts[1]:,} of {second}"
        caption = f"With {images}, no difference could be told from noise."
    else:
        caption = f"None of {total} comparisons differs significantly ({rate})."
    return captioned(exploration, f"Differences between {first} and {second}", caption, figure)
