"""An explanation is exact where the network has a feature map, and found by covering cells where it has none."""

import math
import time
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor

from handler.engines.engine import MAX_BATCH
from handler.engines.onnx_runtime import OnnxEngine
from handler.errors import DEADLINE_EXCEEDED, NO_EXPLANATIONS, TOO_MUCH_WORK, RequestError
from handler.explanations.methods import ActivationMap, Explanation, Method, Occlusion, Wanted, fill_of, method_of
from handler.manifest import LOGITS, ONNX_PROGRAM, Manifest
from handler.model import normalize
from handler.protocols.timeout import NO_DEADLINE, Deadline
from handler.scores import scores_of
from scripts.build.outputs import find_places, weights_of
from scripts.build.sources import local
from tests.unit.handler.engines.fake import FakeEngine


@pytest.fixture
def manifest(tiny_model: Path) -> Manifest:
    return Manifest.from_json((tiny_model / "model.json").read_text())


def images(count: int) -> list[Tensor]:
    generator = torch.Generator().manual_seed(0)
    return [torch.randint(0, 256, (3, 32, 32), dtype=torch.uint8, generator=generator) for _ in range(count)]


def explained(method: Method, *wanted: tuple[Tensor, int | None]) -> list[Explanation]:
    return list(method.explain([Wanted(image, class_id, NO_DEADLINE) for image, class_id in wanted]))


def test_the_cells_of_an_activation_map_add_up_to_the_logit(
    tiny_model: Path, tiny_directory: Path, manifest: Manifest
) -> None:
    engine = OnnxEngine(tiny_model / ONNX_PROGRAM, 1)
    batch = images(MAX_BATCH + 1)
    logits = torch.cat([engine.run(normalize(image[None], manifest.input)) for image in batch])
    network = local.load(tiny_directory).network
    _, bias = weights_of(network, find_places(network, normalize(torch.stack(batch), manifest.input)))
    found = explained(ActivationMap(engine, manifest, tiny_model), *((image, 3) for image in batch))
    for explanation, row in zip(found, logits, strict=True):
        assert explanation.grid.shape == (4, 4)
        assert float(explanation.grid.sum() + bias[3]) == pytest.approx(float(row[3]), abs=1e-4)
        assert explanation.score == pytest.approx(float(scores_of(row[None], "softmax")[0, 3]), abs=1e-5)


def test_the_default_is_each_images_top_1_class(tiny_model: Path, manifest: Manifest) -> None:
    engine = OnnxEngine(tiny_model / ONNX_PROGRAM, 1)
    batch = images(3)
    top = engine.run(normalize(torch.stack(batch), manifest.input)).argmax(1).tolist()
    found = explained(ActivationMap(engine, manifest, tiny_model), *((image, None) for image in batch))
    assert [explanation.class_id for explanation in found] == top


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


def white() -> Tensor:
    return torch.full((3, 32, 32), 255, dtype=torch.uint8)


def test_occlusion_finds_what_the_network_looks_at(manifest: Manifest) -> None:
    (found,) = explained(Occlusion(Corner(), manifest, 60), (white(), None))
    assert (found.class_id, found.method) == (1, "occlusion")
    side = len(found.grid)
    half = side // 2
    assert (found.grid[half:, half:] > 0).all()
    assert found.grid[:half].abs().max() < 1e-5
    assert found.grid[:, :half].abs().max() < 1e-5


def test_occlusion_of_a_class_that_is_asked_for(manifest: Manifest) -> None:
    (found,) = explained(Occlusion(Corner(), manifest, 60), (white(), 0))
    assert found.class_id == 0
    assert found.grid.abs().max() == 0


def test_occlusion_fills_no_batch_beyond_the_engines(manifest: Manifest) -> None:
    engine = Corner()
    explained(Occlusion(engine, manifest, 60), (white(), None))
    assert max(engine.sizes) == MAX_BATCH


def test_the_network_sees_zeros_where_a_cell_is_covered(manifest: Manifest) -> None:
    covered = normalize(fill_of(manifest.input).expand(3, 4, 4)[None], manifest.input)
    assert covered.abs().max() < 0.02


@pytest.mark.parametrize(("seconds_per_run", "side"), [(0.001, 14), (0.019, 10), (0.1, 4), (0.2, 3)])
def test_a_slow_network_gets_a_coarser_grid(
    manifest: Manifest, monkeypatch: pytest.MonkeyPatch, seconds_per_run: float, side: int
) -> None:
    (found,) = explained(Occlusion(slow(monkeypatch, seconds_per_run), manifest, 2), (white(), None))
    assert found.grid.shape == (side, side)


def slow(monkeypatch: pytest.MonkeyPatch, seconds_per_run: float) -> Corner:
    """Return an engine on whose clock only runs take time."""
    now = 100.0

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
    with pytest.raises(RequestError) as refused:
        list(Occlusion(engine, manifest, max_seconds).explain([Wanted(white(), None, Deadline(100.0 + waits, waits))]))
    assert refused.value.problem is problem
    assert sum(engine.sizes) <= 2  # it was not begun


def test_the_images_of_a_request_share_its_time(manifest: Manifest, monkeypatch: pytest.MonkeyPatch) -> None:
    engine = slow(monkeypatch, 0.01)
    start = time.monotonic()
    found = explained(Occlusion(engine, manifest, 2), *[(white(), None)] * 4)
    assert len(found) == 4
    assert time.monotonic() - start <= 2.1


def test_the_exact_method_is_taken_where_it_can_be(tiny_model: Path, manifest: Manifest) -> None:
    engine = OnnxEngine(tiny_model / ONNX_PROGRAM, 1)
    assert isinstance(method_of(engine, manifest, tiny_model, 2), ActivationMap)
    assert isinstance(method_of(engine, replace(manifest, outputs=(LOGITS,)), tiny_model, 2), Occlusion)
