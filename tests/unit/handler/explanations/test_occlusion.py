"""Occlusion finds what a network looks at, in the time that a batch has for it."""

import math
import time

import pytest
import torch
from torch import Tensor

from handler.engines.engine import MAX_BATCH
from handler.errors import DEADLINE_EXCEEDED, NO_EXPLANATIONS, TOO_MANY_EXPLANATIONS, TOO_MUCH_WORK, RequestError
from handler.explanations.method import OVERRUN, Explanation, Turns, Wanted
from handler.explanations.occlusion import Occlusion, fill_of
from handler.manifest import Manifest
from handler.model import normalize
from handler.protocols.timeout import NO_DEADLINE, Deadline
from tests.unit.handler.engines.fake import FakeEngine


class Corner(FakeEngine):
    """Class 1 is how bright the images' lower right quarter is.

    Args:
        seconds: of a run, for each image.
    """

    def __init__(self, seconds: float = 0.0) -> None:
        self.seconds, self.sizes = seconds, list[int]()

    def run(self, batch: Tensor) -> Tensor:
        self.sizes.append(len(batch))
        bright = batch[:, :, 16:, 16:].mean((1, 2, 3))
        return torch.stack([torch.zeros(len(batch)), 10 * bright], dim=1)


def explained(engine: Corner, manifest: Manifest, *classes: int | None, seconds: float = 60) -> list[Explanation]:
    """Return the explanations of a request of white images, alone in its batch."""
    wanted = [Wanted(white(), class_id, NO_DEADLINE) for class_id in classes]
    return list(Occlusion(engine, manifest).explain(wanted, Turns(seconds, 1)))


def white() -> Tensor:
    return torch.full((3, 32, 32), 255, dtype=torch.uint8)


def test_occlusion_finds_what_the_network_looks_at(manifest: Manifest) -> None:
    (found,) = explained(Corner(), manifest, None)
    assert (found.class_id, found.method) == (1, "occlusion")
    side = len(found.grid)
    half = side // 2
    assert (found.grid[half:, half:] > 0).all()
    assert found.grid[:half].abs().max() < 1e-5
    assert found.grid[:, :half].abs().max() < 1e-5


def test_occlusion_of_a_class_that_is_asked_for(manifest: Manifest) -> None:
    (found,) = explained(Corner(), manifest, 0)
    assert found.class_id == 0
    assert found.grid.abs().max() == 0


def test_occlusion_fills_no_batch_beyond_the_engines(manifest: Manifest) -> None:
    engine = Corner()
    explained(engine, manifest, None)
    assert max(engine.sizes) == MAX_BATCH


def test_the_network_sees_zeros_where_a_cell_is_covered(manifest: Manifest) -> None:
    covered = normalize(fill_of(manifest.input).expand(3, 4, 4)[None], manifest.input)
    assert covered.abs().max() < 0.02


@pytest.mark.parametrize(("seconds_per_run", "side"), [(0.001, 14), (0.019, 10), (0.1, 4), (0.2, 3)])
def test_a_slow_network_gets_a_coarser_grid(
    manifest: Manifest, monkeypatch: pytest.MonkeyPatch, seconds_per_run: float, side: int
) -> None:
    (found,) = explained(slow(monkeypatch, seconds_per_run), manifest, None, seconds=2)
    assert found.grid.shape == (side, side)


def slow(monkeypatch: pytest.MonkeyPatch, seconds_per_run: float) -> Corner:
    """Return an engine on whose clock only runs take time."""
    now = 0.0

    class Slow(Corner):
        def run(self, batch: Tensor) -> Tensor:
            nonlocal now
            now += seconds_per_run * len(batch)
            return super().run(batch)

    monkeypatch.setattr(time, "monotonic", lambda: now)
    return Slow()


@pytest.mark.parametrize(
    ("max_seconds", "waits", "problem"),
    [(0, math.inf, NO_EXPLANATIONS), (2, math.inf, TOO_MUCH_WORK), (60, 2.5, DEADLINE_EXCEEDED)],
)
def test_what_would_take_too_long(
    manifest: Manifest, monkeypatch: pytest.MonkeyPatch, max_seconds: int, waits: float, problem: object
) -> None:
    engine = slow(monkeypatch, 0.5)
    wanted = [Wanted(white(), None, Deadline(waits, waits))]
    with pytest.raises(RequestError) as refused:
        list(Occlusion(engine, manifest).explain(wanted, Turns(max_seconds, 1)))
    assert refused.value.problem is problem
    assert sum(engine.sizes) <= 2  # it was not begun


def test_the_images_of_a_request_share_its_time(manifest: Manifest, monkeypatch: pytest.MonkeyPatch) -> None:
    engine = slow(monkeypatch, 0.01)
    start = time.monotonic()
    found = explained(engine, manifest, *[None] * 4, seconds=2)
    assert len(found) == 4
    assert time.monotonic() - start <= 2


def batch_of(
    engine: Corner, manifest: Manifest, deadlines: list[Deadline], images: int = 1
) -> list[tuple[int, ...] | object]:
    """Explain requests of as many images, one after the other; return the shapes of each's grids, or its problem."""
    turns, found = Turns(2, len(deadlines)), list[tuple[int, ...] | object]()
    for deadline in deadlines:
        wanted = [Wanted(white(), None, deadline)] * images
        try:
            found.append(*{tuple(each.grid.shape) for each in Occlusion(engine, manifest).explain(wanted, turns)})
        except RequestError as error:
            found.append(error.problem)
    return found


@pytest.mark.parametrize(
    ("seconds_per_run", "images", "sides"),
    [
        (0.001, 1, [14] * 8),
        (0.004, 1, [7] * 7 + [10]),
        (0.004, 4, [3] * 2 + [4] * 6),
        (0.022, 1, [3] * 7 + [4]),
        (0.03, 1, [3] * 6 + [0] * 2),
        (0.15, 1, [3] + [0] * 7),
    ],
)
def test_the_requests_of_a_batch_share_its_time(
    manifest: Manifest, monkeypatch: pytest.MonkeyPatch, seconds_per_run: float, images: int, sides: list[int]
) -> None:
    """Each gets as fine a grid as its share of what is left allows, or the coarsest while there is time for it."""
    engine = slow(monkeypatch, seconds_per_run)
    found = batch_of(engine, manifest, [NO_DEADLINE] * 8, images)
    assert found == [(side, side) if side else TOO_MANY_EXPLANATIONS for side in sides]
    assert time.monotonic() <= 2 + seconds_per_run  # one run says that the next request does not fit


def test_a_deadline_counts_within_a_batch(manifest: Manifest, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is later than a request's turn begins, and earlier than it could end."""
    engine = slow(monkeypatch, 0.01)
    hasty = Deadline(0.12, 0.12)
    late = Deadline(0.15, 0.15)
    found = batch_of(engine, manifest, [hasty, late, NO_DEADLINE, NO_DEADLINE])
    assert found == [(3, 3), DEADLINE_EXCEEDED, (7, 7), (10, 10)]


def test_runs_that_take_longer_than_foretold(manifest: Manifest, monkeypatch: pytest.MonkeyPatch) -> None:
    now = 0.0

    class Slower(Corner):
        def run(self, batch: Tensor) -> Tensor:
            nonlocal now
            now += 0.01 if len(batch) == 1 else 0.1 * len(batch)
            return super().run(batch)

    monkeypatch.setattr(time, "monotonic", lambda: now)
    assert batch_of(Slower(), manifest, [NO_DEADLINE] * 2) == [TOO_MANY_EXPLANATIONS] * 2
    assert now <= OVERRUN * 2 + 0.1 * MAX_BATCH
