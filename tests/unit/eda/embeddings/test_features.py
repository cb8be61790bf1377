"""Features of images and boxes."""

import threading
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from eda.embeddings.cache import Cache, open_cache
from eda.embeddings.features import MIN_SIDE, box_input
from eda.explore import explore
from tests.unit.eda.features import HistogramEngine, embed, histogram_network
from tests.unit.eda.folder import CocoFolder


def test_each_image_and_box_has_features(coco: CocoFolder, cache: Cache) -> None:
    features = embed(explore(coco.dataset()), cache)
    assert features.images.shape == (4, 216)
    assert features.boxes.shape == (8, 216)
    assert list(features.image_rows) == [0, 1, 2, 3]
    assert list(features.box_rows) == list(range(8))
    assert np.allclose(np.linalg.norm(features.boxes, axis=1), 1)
    assert set(features.top1) <= {"red", "green", "blue"}


def test_a_second_run_computes_only_what_is_new(coco: CocoFolder, cache: Cache) -> None:
    first = embed(explore(coco.dataset()), cache)
    engine = HistogramEngine()
    again = embed(explore(coco.dataset()), cache, engine)
    assert engine.images == 0
    assert np.array_equal(first.boxes, again.boxes)
    assert first.top1 == again.top1
    coco.box()["bbox"] = [12, 20, 40, 50]
    embed(explore(coco.dataset()), cache, engine)
    assert engine.images == 1


def test_a_photo_in_another_frame_is_new(coco: CocoFolder, cache: Cache) -> None:
    """Fields that are those of the turned photo put its boxes on the turned photo."""
    turned = Image.Exif()
    turned[0x0112] = 6
    path = coco.path / "images" / "1.png"
    coco.draw(1).save(path, exif=turned)
    entry = coco.documents["train"]["images"][0]
    entry["file_name"] = path.name
    embed(explore(coco.dataset()), cache)
    entry["width"], entry["height"] = entry["height"], entry["width"]
    engine = HistogramEngine()
    embed(explore(coco.dataset()), cache, engine)
    assert engine.images == 3  # the photo and its two boxes


@pytest.mark.parametrize("kind", ["tif", "png"])
@pytest.mark.parametrize("orientation", range(2, 9))
def test_boxes_of_the_stored_photo_are_cut_from_it(coco: CocoFolder, cache: Cache, orientation: int, kind: str) -> None:
    path, turned = coco.path / "images" / f"1.{kind}", Image.Exif()
    coco.documents["train"]["images"][0]["file_name"] = path.name
    coco.draw(1).save(path)
    expected = embed(explore(coco.dataset()), cache)
    turned[0x0112] = orientation
    coco.draw(1).save(path, exif=turned)
    found = embed(explore(coco.dataset()), cache)
    assert np.array_equal(found.boxes, expected.boxes)


class WaitingEngine(HistogramEngine):
    """Computes its first batch when the other engine has one too."""

    def __init__(self, other_started: threading.Barrier) -> None:
        super().__init__()
        self._other_started = other_started

    def run_with(self, batch: Tensor, outputs: Sequence[str]) -> dict[str, Tensor]:
        if not self.images:
            self._other_started.wait(timeout=30)
        return super().run_with(batch, outputs)


def test_engines_compute_side_by_side(coco: CocoFolder, cache: Cache, tmp_path: Path) -> None:
    for position in range(30):
        coco.documents["train"]["annotations"].append(
            {**coco.box(), "id": 100 + position, "bbox": [position, 9, 30, 40]}
        )
    found = explore(coco.dataset())
    both = threading.Barrier(2)
    engines = WaitingEngine(both), WaitingEngine(both)
    features = embed(found, cache, *engines)
    assert sum(engine.images for engine in engines) == len(features.images) + len(features.boxes)
    with open_cache(tmp_path / "other.sqlite") as other:
        alone = embed(found, other)
    assert np.array_equal(features.boxes, alone.boxes)
    assert features.top1 == alone.top1


def test_unreadable_images_and_small_boxes_have_no_features(coco: CocoFolder, cache: Cache) -> None:
    (coco.path / "images" / "1.jpg").write_bytes(b"no image")
    coco.box(2)["bbox"] = [10, 20, MIN_SIDE - 1, 50]
    features = embed(explore(coco.dataset()), cache)
    assert list(features.image_rows) == [1, 2, 3]
    assert list(features.box_rows) == [3, 4, 5, 6, 7]


def test_a_box_keeps_its_shape_and_the_rest_is_the_mean_colour() -> None:
    pixels = torch.zeros(3, 100, 100, dtype=torch.uint8)
    pixels[0, 20:40, 10:90] = 200
    spec = replace(histogram_network().manifest.input, mean=(0.2, 0.4, 0.6))
    found = box_input(pixels, (10.0, 20.0, 80.0, 20.0), spec)
    assert found is not None
    assert found.shape == (3, 48, 48)
    assert found[:, 0, 0].tolist() == [51, 102, 153]
    assert found[:, 24, 24].tolist() == [200, 0, 0]
    assert (found[0] == 200).sum() == 12 * 48
    swapped = box_input(pixels.flip(0), (10.0, 20.0, 80.0, 20.0), replace(spec, mean=(0.6, 0.4, 0.2), channels="BGR"))
    assert swapped is not None
    assert torch.equal(swapped[:, 24, 24], found[:, 24, 24])


def test_box_outside_the_image_has_no_input() -> None:
    pixels = torch.zeros(3, 100, 100, dtype=torch.uint8)
    assert box_input(pixels, (120.0, 20.0, 30.0, 20.0), histogram_network().manifest.input) is None
