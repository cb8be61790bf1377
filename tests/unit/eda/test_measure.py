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
from eda.measure.difficulty import REASONS, mean_max_iou
from eda.measure.spatial import GRID, co_occurrence, heat_map, overlap_table
from eda.measure.splits import SHOWS, compare_splits, compared_splits
from eda.overlap import box_overlaps
from tests.unit.eda.folder import CocoFolder


def boxes_of(rows: Sequence[tuple[int, str, float, float, float, float]], side: float = 100) -> pd.DataFrame:
    """Return boxes (image row, class, x, y, w, h) on square images, in the format of `valid_boxes`."""
    frame = pd.DataFrame(rows, columns=["image_row", "class_name", "x", "y", "w", "h"])
    frame["class_name"] = pd.Categorical(frame["class_name"], categories=CLASS_NAMES)
    return frame.assign(frame_width=side, frame_height=side, relative_size=np.sqrt(frame["w"] * frame["h"]) / side)


def test_real_counts(real: Exploration) -> None:
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
    assert real.excluded_boxes == 0
    assert (real.images["n_boxes"] > 0).all()


def test_size_classes() -> None:
    areas = pd.Series([32**2 - 1, 32**2, 96**2 - 1, 96**2])
    assert list(size_classes(areas)) == ["small", "medium", "medium", "large"]


def test_intervals_contain_the_share_and_shrink_with_more_images(real: Exploration, sample: Exploration) -> None:
    widths = []
    for exploration in (real, sample):
        table = class_table(exploration.images, exploration.boxes)
        assert (table["box_low"] <= table["box_share"]).all()
        assert (table["box_share"] <= table["box_high"]).all()
        assert (table["image_low"] <= table["image_share"]).all()
        widths.append((table["image_high"] - table["image_low"]).mean())
    assert widths[1] < widths[0]


def test_wilson_interval(real: Exploration) -> None:
    # 25 of 29, by Wilson (1927): (p + z²/2n ± z sqrt(p(1-p)/n + z²/4n²)) / (1 + z²/n)
    n, p, z = 29, 25 / 29, 1.959964
    middle, spread = p + z**2 / (2 * n), z * np.sqrt(p * (1 - p) / n + z**2 / (4 * n**2))
    row = class_table(real.images, real.boxes).loc["Coverall"]
    assert row["image_low"] == pytest.approx((middle - spread) / (1 + z**2 / n), abs=1e-5)
    assert row["image_high"] == pytest.approx((middle + spread) / (1 + z**2 / n), abs=1e-5)


def test_mean_interval() -> None:
    mean, low, high = mean_interval(pd.Series([1, 2, 3, 4, 10]))
    assert low < mean < high
    assert mean == 4
    assert mean_interval(pd.Series([3, 3, 3])) == (3, 3, 3)


def test_heat_map() -> None:
    cells = heat_map(boxes_of([(0, "Mask", 0, 0, 50, 100), (1, "Mask", 0, 0, 50, 50)]))
    assert cells.shape == (GRID, GRID)
    half = GRID // 2
    assert (cells[:half, :half] == 1).all()
    assert (cells[half:, :half] == 0.5).all()
    assert (cells[:, half:] == 0).all()


def overlaps_of(boxes: pd.DataFrame) -> pd.DataFrame:
    return box_overlaps(boxes, boxes["image_row"])


def test_overlaps() -> None:
    boxes = boxes_of([(0, "Mask", 0, 0, 10, 10), (0, "Mask", 5, 0, 10, 10), (0, "Mask", 2, 2, 2, 2)])
    pairs = overlaps_of(boxes).set_index(["first", "second"])
    assert pairs["iou"].to_dict() == pytest.approx({(0, 1): 1 / 3, (0, 2): 0.04})
    assert pairs["ios"].to_dict() == pytest.approx({(0, 1): 0.5, (0, 2): 1})


def test_overlaps_are_within_images() -> None:
    same = [(image, "Mask", 0.0, 0.0, 10.0, 10.0) for image in (0, 1, 0, 2, 1, 0)]
    pairs = overlaps_of(boxes_of(same))
    assert sorted(zip(pairs["first"], pairs["second"], strict=True)) == [(0, 2), (0, 5), (1, 4), (2, 5)]
    assert (pairs[["iou", "ios"]] == 1).all(axis=None)
    assert overlaps_of(boxes_of(same[:1])).empty


def test_overlaps_match_a_grid_of_pixels() -> None:
    rng = np.random.default_rng(0)
    corners = rng.integers(0, 20, (30, 2, 2))
    drawn = [(0, "Mask", *np.minimum(a, b).tolist(), *(np.abs(a - b) + 1).tolist()) for a, b in corners]
    masks = np.zeros((len(drawn), 40, 40), dtype=bool)
    for mask, (_, _, x, y, w, h) in zip(masks, drawn, strict=True):
        mask[y : y + h, x : x + w] = True
    pairs = overlaps_of(boxes_of(drawn))
    assert len(pairs) > 100
    for pair in pairs.itertuples():
        a, b = masks[pair.first], masks[pair.second]
        assert pair.iou == pytest.approx((a & b).sum() / (a | b).sum())
        assert pair.ios == pytest.approx((a & b).sum() / min(a.sum(), b.sum()))


TWO_IMAGES: list[tuple[int, str, float, float, float, float]] = [
    (0, "Coverall", 0, 0, 80, 90),
    (0, "Mask", 30, 5, 20, 20),
    (0, "Mask", 85, 5, 10, 10),
    (1, "Mask", 0, 0, 10, 10),
]


def test_co_occurrence_counts_images() -> None:
    shares = co_occurrence(boxes_of(TWO_IMAGES))
    assert shares.loc["Mask", "Coverall"] == 0.5
    assert shares.loc["Coverall", "Mask"] == 1
    assert shares.loc["Mask", "Mask"] == 0.5
    assert np.isnan(shares.loc["Gloves", "Mask"])


def test_overlap_table_counts_boxes() -> None:
    shares = overlap_table(boxes_of(TWO_IMAGES))
    assert shares.loc["Mask", "Coverall"] == pytest.approx(1 / 3)
    assert shares.loc["Coverall", "Mask"] == 1
    assert shares.loc["Mask", "Mask"] == 0


def test_difficulty(sample: Exploration) -> None:
    table = sample.hardest
    assert table["score"].is_monotonic_decreasing
    assert table[list(REASONS)].to_numpy().min() > 0
    assert table[list(REASONS)].to_numpy().max() == 1
    darkest = sample.images["brightness"].idxmin()
    assert table.loc[darkest, "darkness"] == 1


def test_mean_max_iou() -> None:
    pair = [(0, "Mask", 0, 0, 10, 10), (0, "Goggles", 0, 0, 10, 5)]
    assert mean_max_iou(boxes_of(pair[:1])).to_dict() == {0: 0}
    alone = (1, "Mask", 0, 0, 10, 10)
    apart = (0, "Mask", 50, 50, 10, 10)
    assert mean_max_iou(boxes_of([*pair, alone, apart])).to_dict() == pytest.approx({0: (0.5 + 0.5 + 0) / 3, 1: 0})


def test_fit_anchors() -> None:
    rng = np.random.default_rng(1)
    true = np.array([[20.0, 30.0], [80.0, 40.0], [200.0, 300.0]])
    sides = np.concatenate([size * np.exp(rng.normal(0, 0.05, (50, 2))) for size in true])
    assert fit_anchors(sides, 3) == pytest.approx(true, rel=0.05)


def test_best_iou() -> None:
    anchors = np.array([[20.0, 30.0], [80.0, 40.0]])
    assert best_iou(np.array([[20.0, 30.0]]), anchors)[0] == 1
    assert best_iou(np.array([[10.0, 30.0]]), anchors)[0] == 0.5


def test_suggested_input_size() -> None:
    boxes = boxes_of([(n, "Mask", 0, 0, 30, 60) for n in range(20)], side=1000)
    # 30 of 1000 pixels become 16 at 533; the next common size is 640.
    assert scaled_sides(boxes, 500)[0].tolist() == [15, 30]
    assert suggested_input_size(input_size_table(boxes)) == 640
    assert suggested_input_size(input_size_table(boxes.assign(w=1))) is None


def random_images(n: int, split: str, shift: float, seed: int) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    columns = ("n_boxes", "median_size", "small_share", "megapixels", "image_aspect", "contrast", "sharpness")
    frame = pd.DataFrame({name: rng.normal(size=n) for name in columns})
    for name in CLASS_NAMES:
        frame[f"{SHOWS}{name}"] = rng.random(n) < 0.5
    return frame.assign(split=split, brightness=rng.normal(shift, 1, n))


def test_planted_difference_between_splits() -> None:
    table = compare_splits(
        pd.concat([random_images(400, "train", 0, 1), random_images(60, "test", 1.2, 2)]), "train", "test"
    )
    assert list(table.loc[table["significant"], "comparison"]) == ["brightness"]
    assert table.loc[0, "effect"] > 0.3


def test_false_discovery_rate() -> None:
    # At a rate of 5%, about one in twenty pairs of equal splits has a false discovery.
    pairs = [(random_images(200, "train", 0, seed), random_images(40, "test", 0, seed + 1000)) for seed in range(40)]
    false_discoveries = sum(compare_splits(pd.concat(pair), "train", "test")["significant"].any() for pair in pairs)
    assert false_discoveries <= 6


def test_single_split_is_not_compared(real: Exploration) -> None:
    assert real.differences.empty


@pytest.mark.parametrize(
    ("splits", "compared"),
    [
        (["train", "test"], ("train", "test")),
        (["train", "valid", "test"], ("train", "test")),
        (["train", "valid"], ("train", "valid")),
        (["train2017", "val2017"], ("train2017", "val2017")),
        (["a", "b", "c"], ("a", "b")),
        (["coco_train", "coco_val", "coco_test"], ("coco_train", "coco_test")),
        (["test"], None),
    ],
)
def test_compared_splits(splits: list[str], compared: tuple[str, str] | None) -> None:
    assert compared_splits(splits) == compared


def test_class_with_the_name_of_a_column(coco: CocoFolder) -> None:
    for document in coco.documents.values():
        document["categories"] = [{"id": 1, "name": "width"}, {"id": 2, "name": "split"}]
    exploration = explore(coco.dataset())
    assert list(class_table(exploration.images, exploration.boxes)["images"]) == [4, 4]
    assert exploration.images["width"].gt(1).all()


def test_excluded_boxes(coco: CocoFolder) -> None:
    coco.box(0)["bbox"] = [1, 2, 3]
    coco.box(1)["bbox"] = [1, 2, 0, 5]
    coco.box(2)["category_id"] = 17
    coco.box(3)["image_id"] = 99
    exploration = explore(coco.dataset())
    assert exploration.excluded_boxes == 4
    assert len(exploration.boxes) == 4
    assert set(exploration.findings["rule"]) >= {"box-not-numbers", "box-not-positive", "box-class-unknown"}
