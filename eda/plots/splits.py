"""Train against test: effects, and which are more than noise."""

from eda.explore import Exploration
from eda.measure.splits import FALSE_DISCOVERIES
from eda.plots.style import OTHER_COLOUR, Plot, finished, names, new_figure, only_grid, styled

REAL_COLOUR = "#A3123A"


@styled()
def plot_differences(found: Exploration) -> Plot:
    """Draw the size of every difference between train and test, filled where it is more than noise."""
    table = found.differences
    figure, ax = new_figure(8, 0.32 * max(4, len(table)) + 1.2)
    places = range(len(table))
    ax.hlines(places, 0, table["effect"], color="#9AA3AA", linewidth=1.5)
    for is_real, colour, face, label in (
        (True, REAL_COLOUR, REAL_COLOUR, "more than noise"),
        (False, OTHER_COLOUR, "white", "within noise"),
    ):
        chosen = table.index[table["real"] == is_real]
        ax.scatter(
            table.loc[chosen, "effect"],
            chosen,
            s=48,
            edgecolors=colour,
            facecolors=face,
            zorder=3,
            label=label,
        )
    ax.set_yticks(list(places), table["what"])
    ax.axvline(0, color="#222222", linewidth=1)
    reach = max(0.3, float(table["effect"].abs().max()) * 1.15)
    ax.set(
        xlim=(-reach, reach),
        xlabel="← less in test      effect      more in test →",
    )
    ax.invert_yaxis()
    ax.legend(loc="upper left", bbox_to_anchor=(1.01, 1))
    only_grid(ax, "x")
    real = list(table.loc[table["real"], "what"])
    if real:
        sentence = (
            f"{len(real)} of {len(table)} comparisons differ by more than noise (false discovery rate "
            f"{FALSE_DISCOVERIES:g}): {names(real)}."
        )
    else:
        sentence = (
            f"None of {len(table)} comparisons differs by more than noise (false discovery rate {FALSE_DISCOVERIES:g})."
        )
    return finished(found, "Differences between train and test", sentence, figure)
