"""Plot of the published baselines' AP beside the box sizes of the split they were scored on."""

import numpy as np

from eda.cppe5 import BASELINES
from eda.explore import Exploration
from eda.measure.boxes import SIZE_CLASSES, size_table
from eda.plots.sizes import SIZE_SHADES
from eda.plots.style import Plot, captioned, new_figure, percent, show_grid, styled

SCORED_SPLIT = "test"


@styled()
def plot_baselines(exploration: Exploration) -> Plot:
    """Draw published AP by box size, and the number of boxes of each size in the scored split."""
    scored, where = exploration.boxes[exploration.boxes["split"] == SCORED_SPLIT], f"in the {SCORED_SPLIT} split"
    if scored.empty:
        scored, where = exploration.boxes, "here"
    counts = size_table(scored)[list(SIZE_CLASSES)].iloc[-1].astype(int)
    figure, (left, right) = new_figure(11, 3.9, columns=2, width_ratios=(3, 1.3))
    places = np.arange(len(BASELINES))
    for offset, size in zip((-0.26, 0, 0.26), SIZE_CLASSES, strict=True):
        values = [getattr(line, f"ap_{size}") for line in BASELINES]
        left.barh(places + offset, values, height=0.25, color=SIZE_SHADES[size], label=f"{size} boxes")
    left.scatter([line.ap for line in BASELINES], places, marker="D", color="#A3123A", zorder=3, label="all boxes")
    left.set_yticks(places, [line.name for line in BASELINES])
    left.invert_yaxis()
    left.set(xlabel="published box AP on the test split, %", xlim=(0, 70))
    left.legend(loc="upper left", bbox_to_anchor=(0, -0.16), ncols=4, columnspacing=1, handletextpad=0.4)
    show_grid(left, "x")
    bars = right.bar(list(counts.index), counts, color=[SIZE_SHADES[size] for size in SIZE_CLASSES])
    right.bar_label(bars, [f"{n:,}" for n in counts])
    right.set(
        ylabel="boxes",
        xlabel="box size (COCO)",
        title=f"boxes {where}",
    )
    right.set_ylim(0, max(1, counts.max()) * 1.12)
    show_grid(right, "y")
    best = max(BASELINES, key=lambda line: line.ap)
    small, total = counts["small"], max(1, counts.sum())
    caption = (
        f"The best published detector, {best.name}, scores {best.ap} AP: {best.ap_large} on large boxes but "
        f"{best.ap_medium} on medium and {best.ap_small} on small ones. Of {total:,} "
        f"boxes {where} {small:,} ({percent(small / total)}) are small"
    )
    if small:
        caption += f": one detection more or less is {100 / small:.2g} points of recall on small boxes"

    return captioned(exploration, "Published baselines beside box sizes", f"{caption}.", figure)
