"""The photos and boxes that findings name, one figure for each rule."""

import textwrap
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle

from eda.check.findings import summary
from eda.check.rules import RULES
from eda.explore import Exploration
from eda.plots.gallery import draw_boxes, draw_photo
from eda.plots.style import SEVERITY_COLOURS, Plot, captioned, new_figure, styled

CELLS = 4
"""Photos of a figure: four findings, or two pairs."""

TITLE_WIDTH = 44
"""Characters to a line over a photo."""

REACH = 0.6
"""A box past the photo's edge is drawn up to this share of the photo's side outside it."""


def drawable_rules(exploration: Exploration) -> list[str]:
    """Return the rules with a finding about an image, in the order of the summary."""
    findings = exploration.findings
    shown = set(findings.loc[findings["image_rows"].map(len) > 0, "rule"])
    return [rule for rule in summary(findings)["rule"] if rule in shown]


@styled()
def plot_evidence(exploration: Exploration, rule: str, *, pixels: bool = True) -> Plot | None:
    """Draw the first findings of a rule: each photo with the boxes that the finding names, pairs side by side.

    Returns None without a finding about an image. Without `pixels`, and where a photo cannot be read, boxes are drawn
    on an empty frame.
    """
    findings = exploration.findings
    findings = findings[findings["rule"].eq(rule) & findings["image_rows"].map(len).gt(0)]
    if findings.empty:
        return None
    cells: list[tuple[Any, int]] = []
    for finding in findings.itertuples():
        if len(cells) + len(finding.image_rows) > CELLS:
            break
        cells += [(finding, row) for row in finding.image_rows]
    figure, axes = new_figure(12, 2.7, columns=CELLS)
    for ax in axes[len(cells) :]:
        ax.set_axis_off()
    for ax, (finding, row) in zip(axes, cells, strict=False):
        draw_finding(ax, exploration, finding, row, pixels=pixels)
    shown = len({finding.Index for finding, _ in cells})
    which = "all are shown" if shown == len(findings) else f"the first {shown} are shown"
    counted = "1 finding" if len(findings) == 1 else f"{len(findings):,} findings, {which}"
    caption = f"{counted}. {RULES[rule].advice}"
    return captioned(exploration, f"Pictures: {RULES[rule].title}", caption, figure, photographic=pixels)


def draw_finding(ax: Axes, exploration: Exploration, finding: Any, row: int, *, pixels: bool) -> None:
    """Draw one photo of a finding; the first photo of a pair has the message as its title."""
    image = exploration.dataset.images.loc[row]
    name = f"{image['split']} {image['image_id']}"
    title = f"{name}: {finding.message}" if row == finding.image_rows[0] else f"{name}: the other of the pair"
    ax.set_title("\n".join(textwrap.wrap(title, TITLE_WIDTH)[:3]), fontsize=8.5)
    draw_photo(ax, exploration, row, pixels=pixels)
    if finding.box_rows:
        mark_boxes(ax, exploration.dataset.boxes, finding)
    else:
        draw_boxes(ax, exploration, row)


def mark_boxes(ax: Axes, boxes: pd.DataFrame, finding: Any) -> None:
    """Draw the boxes of a finding, its own first, and widen the view to the part of them outside the photo."""
    (left, right), (bottom, top) = ax.get_xlim(), ax.get_ylim()
    width, height = right, bottom
    for row, line in zip(finding.box_rows, ("-", *["--"] * len(finding.box_rows)), strict=False):
        box = boxes.loc[row]
        if box[["x", "y", "w", "h"]].isna().any():
            continue
        for size, ink in ((3.6, "white"), (2.0, SEVERITY_COLOURS["error"])):
            ax.add_patch(
                Rectangle((box["x"], box["y"]), box["w"], box["h"], fill=False, ec=ink, lw=size, ls=line, clip_on=True)
            )
        left, right = min(left, box["x"]), max(right, box["x"] + box["w"])
        top, bottom = min(top, box["y"]), max(bottom, box["y"] + box["h"])
    ax.set_xlim(max(left, -REACH * width), min(right, (1 + REACH) * width))
    ax.set_ylim(min(bottom, (1 + REACH) * height), max(top, -REACH * height))
