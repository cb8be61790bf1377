"""Every plot: titles, captions, labels and colours."""

import io
import itertools
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from matplotlib.colors import to_hex, to_rgb
from PIL import Image

from eda.cppe5 import BASELINES
from eda.explore import Exploration, explore
from eda.plots.baselines import plot_baselines
from eda.plots.classes import plot_boxes_per_image, plot_classes
from eda.plots.findings import plot_findings
from eda.plots.gallery import plot_hardest, plot_most_crowded
from eda.plots.palette import CLASS_PALETTE, view_classes
from eda.plots.sizes import plot_aspects, plot_coco_sizes, plot_relative_sizes
from eda.plots.splits import plot_differences
from eda.plots.style import Plot
from eda.sections import sections
from tests.unit.eda.folder import CocoFolder


def every_plot(exploration: Exploration) -> list[Plot]:
    plots = [draw(exploration) for part in sections(exploration, None, pixels=False) for draw in part.plots]
    return [plot for plot in plots if plot is not None]


@pytest.fixture(scope="module")
def real_plots(real: Exploration) -> list[Plot]:
    return every_plot(real)


@pytest.fixture(scope="module")
def sample_plots(sample: Exploration) -> list[Plot]:
    return every_plot(sample)


def test_titles_and_captions(sample_plots: list[Plot]) -> None:
    titles = [plot.title for plot in sample_plots]
    # 18, and pictures of the planted faults and of the two boxes that are unlike the others.
    assert len(set(titles)) == len(titles) == 18 + 5
    for plot in sample_plots:
        assert plot.caption.endswith(".")
        assert any(character.isdigit() for character in plot.caption), plot.title
        assert "nan" not in plot.caption, plot.caption


def test_axis_labels(sample_plots: list[Plot]) -> None:
    for plot in sample_plots:
        labels = [ax.get_xlabel() for ax in plot.figure.axes if ax.get_label() != "<colorbar>"]
        gallery = plot.title.startswith(("Likely the hardest images", "The most crowded images", "Pictures: "))
        assert gallery or any(labels), plot.title


def test_synthetic_mark(sample_plots: list[Plot], real_plots: list[Plot]) -> None:
    for plot in sample_plots:
        assert plot.figure.get_suptitle() == "SYNTHETIC DATA"
        assert plot.caption.startswith("SYNTHETIC DATA")
    for plot in real_plots:
        assert plot.figure.get_suptitle() == ""
        assert "SYNTHETIC" not in plot.caption


@pytest.mark.parametrize("draw", [plot_classes, plot_relative_sizes, plot_aspects])
def test_class_colours(sample: Exploration, draw: Callable[[Exploration], Plot]) -> None:
    drawn = set()
    for ax in draw(sample).figure.axes:
        faces: list[Any] = [patch.get_facecolor() for patch in ax.patches]
        faces += [colour for group in ax.collections for colour in group.get_facecolor()]
        drawn |= {to_hex(face).upper() for face in faces}
    assert set(view_classes(sample).colours.values()) <= drawn


def simulate_colour_blindness(colour: str, blindness: str) -> npt.NDArray[np.float64]:
    """Return the linear RGB of a colour as a dichromat sees it (Machado et al. 2009, severity 1)."""
    matrices = {
        "protan": [
            [0.152286, 1.052583, -0.204868],
            [0.114503, 0.786281, 0.099216],
            [-0.003882, -0.048116, 1.051998],
        ],
        "deutan": [
            [0.367322, 0.860646, -0.227968],
            [0.280085, 0.672501, 0.047413],
            [-0.011820, 0.042940, 0.968881],
        ],
        "tritan": [
            [1.255528, -0.076749, -0.178779],
            [-0.078411, 0.930809, 0.147602],
            [0.004733, 0.691367, 0.303900],
        ],
    }
    rgb = np.array(to_rgb(colour))
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    return np.asarray(np.clip(np.array(matrices[blindness]) @ linear, 0, 1))


def lab(linear: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Convert a linear sRGB colour to CIELAB (D65)."""
    xyz = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]]) @ linear
    f = np.cbrt(np.maximum(xyz / [0.9505, 1, 1.089], 0.008856))
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


@pytest.mark.parametrize("blindness", ["protan", "deutan", "tritan"])
def test_colour_blind_readers_can_distinguish_classes(blindness: str) -> None:
    seen = {colour: lab(simulate_colour_blindness(colour, blindness)) for colour in CLASS_PALETTE}
    distances = {
        pair: float(np.linalg.norm(seen[pair[0]] - seen[pair[1]])) for pair in itertools.combinations(CLASS_PALETTE, 2)
    }
    # 10 is about four times the just noticeable difference (2.3 in CIE76).
    assert min(distances.values()) > 10, distances


def test_captions_of_the_real_test_split(real: Exploration) -> None:
    assert "20 boxes are small, 98 medium and 89 large" in plot_coco_sizes(real).caption
    assert "7.14 boxes an image in test" in plot_boxes_per_image(real).caption
    assert "Gloves is the most frequent class, with 61 of 207 boxes" in plot_classes(real).caption
    assert "rarest, Face_Shield (17)" in plot_classes(real).caption
    assert "Of 207 boxes in the test split 20 (10%) are small" in plot_baselines(real).caption
    findings = plot_findings(real)
    assert findings is not None
    assert "errors: 0; warnings: 31; notes: 3" in findings.caption.lower()


def test_best_baseline(real: Exploration) -> None:
    assert max(BASELINES, key=lambda line: line.ap).name == "TridentNet"
    assert "TridentNet, scores 52.9 AP" in plot_baselines(real).caption


def test_significant_difference_is_named(sample: Exploration) -> None:
    table = sample.differences.assign(significant=sample.differences["comparison"].eq("brightness"))
    plot = plot_differences(replace(sample, differences=table))
    assert plot is not None
    assert "1 of 13 comparisons differ" in plot.caption
    assert plot.caption.endswith(": brightness.")


def colours_in(plot: Plot) -> int:
    image = Image.open(io.BytesIO(plot.encoded())).convert("RGB")
    return len(image.getcolors(maxcolors=2**24) or [])


def test_pixels_option(real: Exploration) -> None:
    for draw in (plot_hardest, plot_most_crowded):
        frames, photos = draw(real, pixels=False), draw(real, pixels=True)
        assert frames is not None
        assert photos is not None
        assert photos.photographic
        assert not frames.photographic
        assert colours_in(frames) < 2000
        assert colours_in(photos) > 20_000


def test_no_plot_without_findings(coco: CocoFolder) -> None:
    assert plot_findings(explore(coco.dataset())) is None


def test_no_gallery_without_images(coco: CocoFolder) -> None:
    for path in (coco.path / "images").iterdir():
        path.unlink()
    exploration = explore(coco.dataset())
    assert plot_hardest(exploration) is None
    assert plot_most_crowded(exploration) is None
