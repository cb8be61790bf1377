"""Plot of the differences between train and test."""

from eda.explore import Exploration
from eda.measure.splits import FALSE_DISCOVERIES
from eda.plots.style import OTHER_COLOUR, Plot, captioned, join_words, new_figure, show_grid, styled

SIGNIFICANT_COLOUR = "#A3123A"


@styled()
def plot_differences(exploration: Exploration) -> Plot:
    """Draw the effect size of every comparison of train with test; significant ones are filled."""
    table = exploration.differences
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
    ax.set_yticks(list(rows), table["comparison"])
    ax.axvline(0, color="#222222", linewidth=1)
    reach = max(0.3, float(table["effect"].abs().max()) * 1.15)
    ax.set(
        xlim=(-reach, reach),
        xlabel="← less in test      effect      more in test →",
    )
    ax.invert_yaxis()
    ax.legend(loc="upper left", bbox_to_anchor=(1.01, 1))
    show_grid(ax, "x")
    significant = list(table.loc[table["significant"], "comparison"])
    total, rate = len(table), f"false discovery rate {FALSE_DISCOVERIES:g}"
    if significant:
        caption = f"{len(significant)} of {total} comparisons differ significantly ({rate}): {join_words(significant)}."
    else:
        caption = f"None of {total} comparisons differs significantly ({rate})."
    return captioned(exploration, "Differences between train and test", caption, figure)
