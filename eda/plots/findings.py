"""Plot of the number of findings of each rule."""

from eda.check.findings import summary
from eda.check.rules import SEVERITIES
from eda.explore import Exploration
from eda.plots.style import SEVERITY_COLOURS, Plot, captioned, new_figure, show_grid, styled


@styled()
def plot_findings(exploration: Exploration) -> Plot | None:
    """Draw findings by rule, errors first; return None if there are none."""
    table = summary(exploration.findings)
    if table.empty:
        return None
    figure, ax = new_figure(8, 0.42 * len(table) + 1.1)
    bars = ax.barh(table["title"], table["findings"], color=[SEVERITY_COLOURS[name] for name in table["severity"]])
    labels = [f"{n:,} ({severity})" for n, severity in zip(table["findings"], table["severity"], strict=True)]
    ax.bar_label(bars, labels, padding=4)
    ax.invert_yaxis()
    ax.set_xlabel("findings")
    ax.set_xlim(0, table["findings"].max() * 1.25)
    show_grid(ax, "x")
    counts = exploration.findings["severity"].value_counts()
    words = {"error": "errors", "warning": "warnings", "info": "notes"}
    parts = [f"{words[severity]}: {counts.get(severity, 0):,}" for severity in SEVERITIES]
    affected = len(exploration.findings[["split", "image_id"]].dropna().drop_duplicates())
    caption = f"{'; '.join(parts).capitalize()}; in {affected:,} of {len(exploration.dataset.images):,} images."
    return captioned(exploration, "Findings by rule", caption, figure)
