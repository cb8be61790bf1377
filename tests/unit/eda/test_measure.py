from collections.abc import Sequence

import numpy as np
import pandas as pd
import pytest

from eda.cppe5 import CLASS_NAMES
from eda.explore import Exploration, explore
from eda.measure.anchors import (
    best_iou,
    fit_anchors,
    input_size_table,
    scaled_sides,
    suggested_input_size,
)
from eda.measure.boxes import size_classes, size_table
from eda.measure.classes import class_table, mean_interval
from eda.measure.difficulty import REASONS, mean_largest_iou
from eda.measure.places import GRID, co_occurrence, heat_map, overlap_table
from eda.measure.splits import compare_splits
from eda.overlap import overlaps
from tests.unit.eda.folder import CocoFolder


def boxes_of(rows: Sequence[tuple[int, str, float, float, float, float]], side: float = 100) -> pd.DataFrame:
    """Return boxes (image row, class, x, y, w, h) on square photos, as `sound_boxes` would."""
    frame = pd.DataFrame(rows, columns=["image_row", "class_name", "x", "y", "w", "h"])
    frame["class_name"] = pd.Categorical(frame["class_name"], categories=CLASS_NAMES)
    return frame.assign(frame_width=side, frame_height=side, relative_size=np.sqrt(frame["w"] * frame["h"]) / side)


def test_real_size_classes_boxes_per_image_and_class_counts(real: Exploration) -> None:
    # ../shared/cppe5/README.md, "Facts to check against"
    sizes = size_table(real.boxes)
    assert sizes.loc["all", ["small", "medium", "large"]].to_list() == [20, 98, 89]
    assert round(real.images["n_boxes"].mean(), 2) == 7.14
    classes = class_table(real.images, real.boxes)
    assert classes["boxes"].to_dict() == {
        "Coverall": 45,
        "Face_Shield": 17,
        "Gloves": 61,
        "Goggles": 32,
        "Mask": 52,
    }
    assert classes["images"].to_list() == [25, 14, 22, 18, 26]
    assert real.boxes_left_out == 0
    assert (real.images["n_boxes"] > 0).all()


def test_size_classes_change_at_cocos_limits() -> None:
    areas = pd.Series([32**2 - 1, 32**2, 96**2 - 1, 96**2])
    assert list(size_classes(areas)) == ["small", "medium", "medium", "large"]


def test_intervals_hold_the_share_and_shrink_with_more_pictures(real: Exploration, sample: Exploration) -> None:
    widths = []
    for found in (real, sample):
        table = class_table(found.images, found.boxes)
        assert (table["box_low"] <= table["box_share"]).all()
        assert (table["box_share"] <= table["box_high"]).all()
        assert (table["image_low"] <= table["image_share"]).all()
        widths.append((table["image_high"] - table["image_low"]).mean())
    assert widths[1] < widths[0]


def test_wilsons_interval_is_the_published_one(real: Exploration) -> None:
    # 25 of 29: Wilson (1927), worked out by hand: (p + z²/2n ± z sqrt(p(1-p)/n + z²/4n²)) / (1 + z²/n)
    n, p, z = 29, 25 / 29, 1.959964
    middle, spread = p + z**2 / (2 * n), z * np.sqrt(p * (1 - p) / n + z**2 / (4 * n**2))
    row = class_table(real.images, real.boxes).loc["Coverall"]
    assert row["image_low"] == pytest.approx((middle - spread) / (1 + z**2 / n), abs=1e-5)
    assert row["image_high"] == pytest.approx((middle + spread) / (1 + z**2 / n), abs=1e-5)


def test_a_mean_has_an_interval_about_it() -> None:
    mean, low, high = mean_interval(pd.Series([1, 2, 3, 4, 10]))
    assert low < mean < high
    assert mean == 4
    assert mean_interval(pd.Series([3, 3, 3])) == (3, 3, 3)


def test_a_heat_map_covers_what_the_boxes_cover() -> None:
    cells = heat_map(boxes_of([(0, "Mask", 0, 0, 50, 100), (1, "Mask", 0, 0, 50, 50)]))
    assert cells.shape == (GRID, GRID)
    half = GRID // 2
    assert (cells[:half, :half] == 1).all()
    assert (cells[half:, :half] == 0.5).all()
    assert (cells[:, half:] == 0).all()


def test_overlaps_are_iou_and_share_of_the_smaller() -> None:
    boxes = boxes_of([(0, "Mask", 0, 0, 10, 10), (0, "Mask", 5, 0, 10, 10), (0, "Mask", 2, 2, 2, 2)])
    assert overlaps(boxes)[0, 1] == pytest.approx(1 / 3)
    assert overlaps(boxes, "IOS")[0].tolist() == pytest.approx([1, 0.5, 1])


def test_co_occurrence_counts_pictures_and_overlap_counts_boxes() -> None:
    boxes = boxes_of(
        [
            (0, "Coverall", 0, 0, 80, 90),
            (0, "Mask", 30, 5, 20, 20),
            (0, "Mask", 85, 5, 10, 10),
            (1, "Mask", 0, 0, 10, 10),
        ]
    )
    together = co_occurrence(boxes)
    assert together.loc["Mask", "Coverall"] == 0.5
    assert together.loc["Coverall", "Mask"] == 1
    assert together.loc["Mask", "Mask"] == 0.5
    assert np.isnan(together.loc["Gloves", "Mask"])
    lying = overlap_table(boxes)
    assert lying.loc["Mask", "Coverall"] == pytest.approx(1 / 3)
    assert lying.loc["Coverall", "Mask"] == 1
    assert lying.loc["Mask", "Mask"] == 0


def test_difficulty_ranks_the_blurred_dark_and_crowded(sample: Exploration) -> None:
    table = sample.hardest
    assert table["score"].is_monotonic_decreasing
    assert table[list(REASONS)].to_numpy().min() > 0
    assert table[list(REASONS)].to_numpy().max() == 1
    darkest = sample.images["brightness"].idxmin()
    assert table.loc[darkest, "darkness"] == 1
    pair = [(0, "Mask", 0, 0, 10, 10), (0, "Goggles", 0, 0, 10, 5)]
    assert mean_largest_iou(boxes_of(pair[:1])) == 0
    assert mean_largest_iou(boxes_of(pair)) == pytest.approx(0.5)


def test_anchors_find_the_sizes_that_are_there() -> None:
    rng = np.random.default_rng(1)
    true = np.array([[20.0, 30.0], [80.0, 40.0], [200.0, 300.0]])
    sides = np.concatenate([size * np.exp(rng.normal(0, 0.05, (50, 2))) for size in true])
    assert fit_anchors(sides, 3) == pytest.approx(true, rel=0.05)
    assert best_iou(np.array([[20.0, 30.0]]), true)[0] == 1
    assert best_iou(np.array([[10.0, 30.0]]), true)[0] == 0.5


def test_the_input_size_is_the_smallest_that_keeps_boxes_wide_enough() -> None:
    boxes = boxes_of([(n, "Mask", 0, 0, 30, 60) for n in range(20)], side=1000)
    # 30 of 1000 pixels become 16 at 533: 640 is the first usual size above
    assert scaled_sides(boxes, 500)[0].tolist() == [15, 30]
    assert suggested_input_size(input_size_table(boxes)) == 640
    assert suggested_input_size(input_size_table(boxes.assign(w=1))) is None


def pictures(n: int, split: str, shift: float, seed: int) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    columns = ("n_boxes", "median_size", "small_share", "megapixels", "photo_aspect", "contrast", "sharpness")
    frame = pd.DataFrame({name: rng.normal(size=n) for name in columns})
    for name in CLASS_NAMES:
        frame[name] = rng.random(n) < 0.5
    return frame.assign(split=split, brightness=rng.normal(shift, 1, n))


def test_a_planted_difference_between_splits_is_found_alone() -> None:
    table = compare_splits(pd.concat([pictures(400, "train", 0, 1), pictures(60, "test", 1.2, 2)]))
    assert list(table.loc[table["real"], "what"]) == ["brightness"]
    assert table.loc[0, "effect"] > 0.3


def test_splits_of_one_kind_seldom_look_different() -> None:
    # at a false discovery rate of 5 % about one in twenty pairs of equals shows any difference
    pairs = [(pictures(200, "train", 0, seed), pictures(40, "test", 0, seed + 1000)) for seed in range(40)]
    false = sum(compare_splits(pd.concat(pair))["real"].any() for pair in pairs)
    assert false <= 6


def test_one_split_alone_is_not_compared(real: Exploration) -> None:
    assert real.differences.empty


def test_boxes_that_cannot_be_measured_are_left_out_and_counted(coco: CocoFolder) -> None:
    coco.box(0)["bbox"] = [1, 2, 3]
    coco.box(1)["bbox"] = [1, 2, 0, 5]
    coco.box(2)["category_id"] = 17
    coco.box(3)["image_id"] = 99
    found = explore(coco.dataset())
    assert found.boxes_left_out == 4
    assert len(found.boxes) == 4
    assert set(found.findings["rule"]) >= {"box-not-numbers", "box-not-positive", "box-class-unknown"}
