"""Scatter plots that can be inspected: Vega-Lite specifications, beside a static figure of the same data."""

from dataclasses import dataclass
from typing import Any

import altair as alt
import pandas as pd

from eda.plots.palette import on_dark
from eda.plots.style import SEVERITY_COLOURS, Chart

MAX_POINTS = 3000
"""Points of a chart, of more a random sample: each is an element of the page."""

HEIGHT = 380
"""Pixels; the width is the page's."""

IMAGE = "image_row"
"""Column with the row label of a point's image; the page shows its photo beside the point."""

Axis = dict[str, Any]
"""Arguments of Altair's X and Y."""


def axis(column: str, title: str, *, log: bool = False, ticks: bool = True, percents: bool = False) -> Axis:
    """Return an axis of a column: logarithmic with `log`, in percent with `percents`, bare without `ticks`."""
    scale = alt.Scale(type="log", nice=False, padding=8) if log else alt.Scale(zero=False, padding=8)
    labels = {"format": "%" if percents else "~r"} if ticks else {"labels": False, "ticks": False, "grid": False}
    return {
        "shorthand": f"{column}:Q",
        "title": title,
        "scale": scale,
        "axis": alt.Axis(tickCount=6, labelOverlap=True, **labels),
    }


@dataclass(frozen=True)
class Look:
    """What stands for which column of the points.

    group: the column of colours; a click on the legend picks one of its values
    colours: for each value of `group` its colour
    shape: the column of shapes
    size: the column of numbers that sizes stand for
    ringed: the column of flags of points with a red ring
    """

    group: str
    colours: dict[str, str]
    shape: str = ""
    size: str = ""
    ringed: str = ""


def scatter_chart(points: pd.DataFrame, x: Axis, y: Axis, look: Look, hover: list[str]) -> Chart:
    """Return a chart of at most MAX_POINTS points, in a random order, so that none hides the others of its group.

    Args:
        points: a row for each; its column `image_row`, if any, names the point's image.
        x: the horizontal axis.
        y: the vertical axis.
        look: colours, shapes and sizes.
        hover: the columns that are shown of the point under the pointer.
    """
    group, colours = look.group, look.colours
    frame = points.sample(min(len(points), MAX_POINTS), random_state=0)
    picked = alt.selection_point(fields=[group], bind="legend")
    present = [name for name in colours if frame[group].eq(name).any()]
    scale = alt.Scale(domain=present, range=[colours[name] for name in present])
    legend = alt.Legend(orient="bottom", symbolOpacity=1, symbolType="circle")
    channels: dict[str, Any] = {
        "x": alt.X(**x),
        "y": alt.Y(**y),
        "color": alt.Color(f"{group}:N", scale=scale, legend=legend),
        "opacity": alt.condition(picked, alt.value(0.8), alt.value(0.06)),
        "size": alt.value(45),
        "tooltip": [alt.Tooltip(f"{name}:N") for name in hover],
    }
    if look.shape and frame[look.shape].nunique() > 1:
        channels["shape"] = alt.Shape(f"{look.shape}:N", legend=alt.Legend(orient="bottom", symbolOpacity=1))
    if look.size:
        sizes = alt.Scale(range=[30, 500])
        channels["size"] = alt.Size(f"{look.size}:Q", scale=sizes, legend=alt.Legend(orient="bottom", tickCount=3))
    if look.ringed:
        flag = alt.datum[look.ringed]
        channels["stroke"] = alt.condition(flag, alt.value(SEVERITY_COLOURS["error"]), alt.value("transparent"))
        channels["strokeWidth"] = alt.condition(flag, alt.value(2.5), alt.value(0))
    marks = alt.Chart(alt.NamedData("points")).mark_point(filled=True)
    chart = marks.encode(**channels).add_params(picked).properties(width="container", height=HEIGHT)
    named = {x["shorthand"][:-2], y["shorthand"][:-2], group, *hover, look.shape, look.size, look.ringed, IMAGE}
    columns = {str(name): values(frame[name]) for name in frame if name in named}
    dark = {colours[name]: on_dark(colours[name]) for name in present}
    return Chart(chart.to_dict(), columns, dark, len(frame), len(points))


def values(column: pd.Series) -> list[Any]:
    """Return a column for JSON: numbers with four significant digits, enough for a point's place."""
    if pd.api.types.is_float_dtype(column):
        return [float(f"{value:.4g}") for value in column]
    plain: list[Any] = column.astype(object).tolist()
    return plain
