"""The class activation map is exact."""

from pathlib import Path

import pytest
import torch
from torch import Tensor

from handler.engines.engine import MAX_BATCH
from handler.engines.onnx_runtime import OnnxEngine
from handler.explanations.activation_map import ActivationMap
from handler.explanations.method import Explanation, Turns, Wanted
from handler.manifest import ONNX_PROGRAM, Manifest
from handler.model import normalize
from handler.protocols.timeout import NO_DEADLINE
from handler.scores import scores_of
from scripts.build.outputs import find_places, weights_of
from scripts.build.sources import local


def images(count: int) -> list[Tensor]:
    generator = torch.Generator().manual_seed(0)
    return [torch.randint(0, 256, (3, 32, 32), dtype=torch.uint8, generator=generator) for _ in range(count)]


def explained(method: ActivationMap, *wanted: tuple[Tensor, int | None]) -> list[Explanation]:
    return list(method.explain([Wanted(image, class_id, NO_DEADLINE) for image, class_id in wanted], Turns(2, 1)))


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
