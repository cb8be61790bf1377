"""Plots that can be inspected: their data, their colours, and that nothing of a photo is in them."""

import json
from pathlib import Path

import altair as alt
import numpy as np
import pandas as pd
import pytest

from eda.explore import Exploration, explore
from eda.findings_data import to_json
from eda.page import write_report
from eda.plots.charts import MAX_POINTS, Look, axis, scatter_chart
from eda.plots.images import plot_resolutions, size_points
from eda.plots.palette import (
    CLASS_PALETTE,
    DARK_CONTRAST,
    DARK_GROUND,
    OTHERS_COLOUR,
    SPLIT_COLOURS,
    contrast,
    on_dark,
    split_colours,
)
from eda.plots.sizes import plot_size_and_aspect
from eda.plots.style import Chart, Plot
from eda.sections import Section
from tests.unit.eda.folder import CocoFolder

HOSTILE = "</script><b>"


def chart_of(plot: Plot) -> Chart:
    assert plot.chart is not None
    return plot.chart


def points(count: int) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    names = np.where(np.arange(count) % 2, "even", "odd")
    return pd.DataFrame({"x": rng.random(count), "y": rng.random(count), "class": names, "image_row": range(count)})


def chart(count: int) -> Chart:
    look = Look("class", {"even": "#111111", "odd": "#0072B2", "absent": "#E69F00"})
    return scatter_chart(points(count), axis("x", "x"), axis("y", "y"), look, ["class"])


def test_columns_are_the_points() -> None:
    made = chart(20)
    assert set(made.columns) == {"x", "y", "class", "image_row"}
    assert sorted(made.columns["image_row"]) == list(range(20))
    assert (made.shown, made.total) == (20, 20)
    json.loads(to_json(made.columns))


def test_many_points_are_sampled() -> None:
    made = chart(MAX_POINTS + 500)
    assert {len(column) for column in made.columns.values()} == {MAX_POINTS}
    assert (made.shown, made.total) == (MAX_POINTS, MAX_POINTS + 500)


def test_the_specification_is_valid_and_has_no_data() -> None:
    spec = chart(20).spec
    alt.Chart.from_dict(spec)
    assert spec["data"] == {"name": "points"}
    assert "datasets" not in spec


def test_only_groups_with_points_are_in_the_legend() -> None:
    made = chart(20)
    assert made.spec["encoding"]["color"]["scale"]["domain"] == ["even", "odd"]
    assert set(made.dark) == {"#111111", "#0072B2"}


def test_resolutions_are_those_of_the_figure(sample: Exploration) -> None:
    made, sizes = chart_of(plot_resolutions(sample)), size_points(sample.images)
    assert sorted(made.columns["width"]) == sorted(sizes["width"])
    assert sum(made.columns["images"]) == len(sample.images)


def test_boxes_are_those_of_the_figure(sample: Exploration) -> None:
    plot = plot_size_and_aspect(sample)
    made = chart_of(plot)
    assert len(made.columns["aspect"]) == len(sample.boxes)
    assert set(made.columns["image_row"]) == set(sample.boxes["image_row"])
    drawn = np.asarray(plot.figure.axes[0].collections[0].get_offsets())
    assert sorted(drawn[:, 1]) == pytest.approx(sorted(sample.boxes["aspect"]))


def test_the_smallest_box_is_named(real: Exploration) -> None:
    row = real.boxes["relative_size"].idxmin()
    box = real.boxes.loc[row]
    caption = plot_size_and_aspect(real).caption
    assert f"a {box['class_name']} of {box['w']:.4g} x {box['h']:.4g} pixels in image test {box['image_id']}" in caption


@pytest.mark.parametrize("colour", [*CLASS_PALETTE, OTHERS_COLOUR, *SPLIT_COLOURS])
def test_colours_can_be_told_from_a_dark_ground(colour: str) -> None:
    assert contrast(on_dark(colour), DARK_GROUND) >= DARK_CONTRAST


def test_the_dark_ground_is_the_page_s() -> None:
    styles = (Path(__file__).parents[3] / "eda" / "templates" / "style.css").read_text(encoding="utf-8")
    dark = styles[styles.index("prefers-color-scheme: dark") :]
    assert dark.split("--ground: ")[1].startswith(DARK_GROUND.lower())


def test_colours_stay_apart_on_a_dark_ground() -> None:
    for palette in (CLASS_PALETTE, tuple(split_colours(["train", "val", "test", *"abcdefgh"]).values())):
        assert len({on_dark(colour) for colour in palette}) == len(palette)


def test_the_library_is_in_the_page_once(coco: CocoFolder, tmp_path: Path) -> None:
    parts = [Section("Findings", ""), Section("Boxes", "", (plot_resolutions, plot_size_and_aspect))]
    text = write_report(explore(coco.dataset()), parts, tmp_path).read_text(encoding="utf-8")
    assert text.count("window.vegaEmbed=") == 1
    assert text.count('class="chart"') == 2
    plain = write_report(explore(coco.dataset()), parts[:1], tmp_path).read_text(encoding="utf-8")
    assert "vegaEmbed=" not in plain


def test_hostile_names_in_a_chart(coco: CocoFolder, tmp_path: Path) -> None:
    for document in coco.documents.values():
        document["categories"][0]["name"] = HOSTILE
    parts = [Section("Findings", ""), Section("Boxes", "", (plot_size_and_aspect,))]
    text = write_report(explore(coco.dataset()), parts, tmp_path).read_text(encoding="utf-8")
    assert HOSTILE not in text
    assert text.count("</script>") == 3
