"""A worker's window and what it exports."""

from collections.abc import Mapping
from typing import Any, cast

import numpy as np
import pytest
import torch

from handler.drift.monitor import Monitor
from handler.drift.reference import Reference
from handler.metrics import Metrics
from scripts.build.reference import reference_of
from tests.traffic import CLASSES, DIMENSIONS, traffic

IMAGE = torch.from_numpy(np.random.default_rng(0).integers(0, 255, (3, 32, 32), dtype=np.uint8))
SCORES = torch.full((1, CLASSES), 0.1)


class Exported:
    """Keeps what is exported."""

    def __init__(self) -> None:
        self.windows: list[int] = []
        self.ratios: dict[str, float] = {}

    def drift(self, window: int, reference: int, distances: Mapping[Any, tuple[float, float]]) -> None:
        assert reference == 300
        self.windows.append(window)
        self.ratios = {name: ratio for name, (_, ratio) in distances.items()}


@pytest.fixture(scope="module")
def reference() -> Reference:
    return reference_of(traffic(300, 0))


@pytest.fixture
def exported() -> Exported:
    return Exported()


def monitor_of(reference: Reference, size: int, exported: Exported) -> Monitor:
    return Monitor(reference, size, cast(Metrics, exported))


def feed(monitor: Monitor, images: Any, batch: int = 8) -> None:
    """Give a monitor images in batches."""
    for start in range(0, len(images), batch):
        monitor.add(images[start : start + batch])


def test_nothing_is_exported_of_too_few_images(reference: Reference, exported: Exported) -> None:
    feed(monitor_of(reference, 200, exported), traffic(96, 1))
    assert exported.windows == []


def test_it_is_exported_ten_times_in_a_window(reference: Reference, exported: Exported) -> None:
    feed(monitor_of(reference, 200, exported), traffic(400, 1), batch=1)
    assert exported.windows == [100, 120, 140, 160, 180, *[200] * 11]


def test_images_like_the_reference_s_stay_quiet(reference: Reference, exported: Exported) -> None:
    monitor = monitor_of(reference, 200, exported)
    for seed in range(10):
        feed(monitor, traffic(200, seed + 1))
        assert max(exported.ratios.values()) < 1


def test_other_images_raise_it_and_leave_the_window_again(reference: Reference, exported: Exported) -> None:
    monitor = monitor_of(reference, 200, exported)
    feed(monitor, traffic(200, 1))
    feed(monitor, traffic(200, 2, turn=8, confident=1.5, shift=0.5))
    assert min(exported.ratios.values()) > 1
    feed(monitor, traffic(200, 3))
    assert max(exported.ratios.values()) < 1


def test_the_window_has_the_last_images(reference: Reference, exported: Exported) -> None:
    monitor = monitor_of(reference, 100, exported)
    images = traffic(270, 1)
    feed(monitor, images, batch=7)
    last = reference.distances(reference.project(images[170:]))
    assert {name: distance for name, (distance, _) in monitor.distances().items()} == pytest.approx(last, rel=1e-4)


def test_images_of_one_colour_do_not_count(reference: Reference, exported: Exported) -> None:
    monitor = monitor_of(reference, 100, exported)
    probe = torch.full_like(IMAGE, 128)
    for _ in range(105):
        monitor.observe(torch.stack([probe, IMAGE]), SCORES.expand(2, -1), torch.zeros(2, DIMENSIONS))
        monitor.observe(probe[None], SCORES, torch.zeros(1, DIMENSIONS))
    assert len(monitor.window) == 100
    assert exported.windows == [100]


@pytest.mark.parametrize("of", ["scores", "features"])
def test_what_is_no_number_does_not_count(reference: Reference, exported: Exported, of: str) -> None:
    monitor = monitor_of(reference, 100, exported)
    features = torch.zeros(2, DIMENSIONS)
    scores = SCORES.repeat(2, 1)
    (scores if of == "scores" else features)[0, 3] = torch.nan
    monitor.observe(torch.stack([IMAGE, IMAGE]), scores, features)
    assert len(monitor.window) == 1


def test_an_error_ends_the_measurement_and_not_the_prediction(
    reference: Reference, exported: Exported, caplog: pytest.LogCaptureFixture
) -> None:
    monitor = monitor_of(reference, 100, exported)
    for _ in range(2):
        monitor.observe(IMAGE[None], SCORES, torch.zeros(1, DIMENSIONS + 1))
    assert caplog.text.count("drift is not measured from now on") == 1
    assert "ValueError" in caplog.text
