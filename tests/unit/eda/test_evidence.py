"""The pictures of findings: the photos and boxes that they name, pairs side by side."""

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.colors import to_hex
from matplotlib.patches import Rectangle

from eda.explore import Exploration, explore
from eda.plots.evidence import CELLS, drawable_rules, plot_evidence
from eda.plots.style import SEVERITY_COLOURS, Plot
from tests.unit.eda.faults import add_box, change_box, encode_image_again, repeat_image_id
from tests.unit.eda.folder import HEIGHT, WIDTH, CocoFolder


def drawn(exploration: Exploration, rule: str, *, pixels: bool = True) -> Plot:
    plot = plot_evidence(exploration, rule, pixels=pixels)
    assert plot is not None
    return plot


def photos(plot: Plot) -> list[Axes]:
    return [ax for ax in plot.figure.axes if ax.get_title(loc="left")]


def red_boxes(ax: Axes) -> list[tuple[float, ...]]:
    """Return x, y, w, h of the boxes in the colour of what a finding names."""
    red = SEVERITY_COLOURS["error"].lower()
    patches = [patch for patch in ax.patches if isinstance(patch, Rectangle)]
    return [(*p.get_xy(), p.get_width(), p.get_height()) for p in patches if to_hex(p.get_edgecolor()) == red]


@pytest.mark.parametrize(
    ("source", "target", "rule", "names"),
    [
        (1, 2, "photo-near-duplicate", ("train 2", "train 1")),
        (1, 3, "leak-near-duplicate", ("test 3", "train 1")),
    ],
)
def test_pair_of_photos(coco: CocoFolder, source: int, target: int, rule: str, names: tuple[str, str]) -> None:
    encode_image_again(coco, source, target)
    exploration = explore(coco.dataset())
    assert drawable_rules(exploration) == [rule]
    cells = photos(drawn(exploration, rule))
    assert tuple(ax.get_title(loc="left").split(":")[0] for ax in cells) == names
    first, second = (np.asarray(ax.images[0].get_array(), dtype=float) for ax in cells)
    assert np.abs(first - second).mean() < 16


def test_a_box_is_red(coco: CocoFolder) -> None:
    change_box(coco, [10, 20, 7, 50])
    (ax,) = photos(drawn(explore(coco.dataset()), "box-tiny"))
    assert red_boxes(ax) == [(10, 20, 7, 50)]


def test_both_boxes_of_a_pair_are_red(coco: CocoFolder) -> None:
    add_box(coco, 3, [10, 20, 41, 51])
    (ax,) = photos(drawn(explore(coco.dataset()), "box-class-conflict"))
    assert sorted(red_boxes(ax)) == [(10, 20, 40, 50), (10, 20, 41, 51)]


def test_a_box_outside_widens_the_view(coco: CocoFolder) -> None:
    change_box(coco, [150, 20, 90, 50])
    (ax,) = photos(drawn(explore(coco.dataset()), "box-past-photo"))
    assert ax.get_xlim() == (0, 240)


def test_a_box_far_outside_leaves_the_photo_visible(coco: CocoFolder) -> None:
    change_box(coco, [10, 20, 10**9, 50])
    (ax,) = photos(drawn(explore(coco.dataset()), "box-past-photo"))
    assert ax.get_xlim()[1] < 2 * WIDTH


@pytest.mark.parametrize("bbox", [[10, 20, 40], [10, 20, -40, 50]])
def test_a_box_that_cannot_be_measured(coco: CocoFolder, bbox: list[int]) -> None:
    change_box(coco, bbox)
    exploration = explore(coco.dataset())
    (ax,) = photos(drawn(exploration, drawable_rules(exploration)[0]))
    assert ax.get_title(loc="left").startswith("train 1: ")


def test_missing_photo(coco: CocoFolder) -> None:
    (coco.path / "images" / "1.jpg").unlink()
    (ax,) = photos(drawn(explore(coco.dataset()), "photo-missing"))
    assert not ax.images
    assert ax.get_ylim() == (HEIGHT, 0)


def test_image_with_a_repeated_id(coco: CocoFolder) -> None:
    repeat_image_id(coco)
    (ax,) = photos(drawn(explore(coco.dataset()), "image-id-repeated"))
    assert len(ax.images) == 1


def test_without_pixels(coco: CocoFolder) -> None:
    change_box(coco, [10, 20, 7, 50])
    plot = drawn(explore(coco.dataset()), "box-tiny", pixels=False)
    assert not plot.photographic
    assert not any(ax.images for ax in plot.figure.axes)
    assert red_boxes(photos(plot)[0]) == [(10, 20, 7, 50)]


def test_more_findings_than_cells(coco: CocoFolder) -> None:
    coco.add_images(CELLS + 2)
    for box in coco.documents["train"]["annotations"]:
        box["bbox"], box["area"] = [10, 20, 7, 50], 350
        box["bbox"][0] += box["id"] % 2 * 90
    plot = drawn(explore(coco.dataset()), "box-tiny")
    assert len(photos(plot)) == CELLS
    assert plot.caption.startswith("16 findings, the first 4 are shown. ")


def test_no_findings(coco: CocoFolder) -> None:
    exploration = explore(coco.dataset())
    assert drawable_rules(exploration) == []
    assert plot_evidence(exploration, "box-tiny") is None


def test_every_rule_with_images_is_drawn(sample: Exploration) -> None:
    named = {row.rule for row in sample.findings.itertuples() if row.image_rows}
    assert set(drawable_rules(sample)) == named
    for rule in named:
        assert photos(drawn(sample, rule))
