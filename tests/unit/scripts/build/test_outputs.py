"""What a network's logits are computed from is found by what it computes, whatever its modules are called."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from handler.engines.engine import Engine
from handler.engines.pytorch import TorchEngine
from handler.manifest import CLASSIFIER, FEATURE_MAP, FEATURES, LOGITS, ONNX_PROGRAM, TORCH_PROGRAM, Manifest
from scripts.archives.reading import read_manifest
from scripts.build import program
from scripts.build.outputs import WithOutputs, find_places, weights_of
from scripts.build.sources import local
from tests.tiny_models import save

BATCH = torch.randn(2, 3, 8, 8, generator=torch.Generator().manual_seed(0))


class Network(nn.Module):
    """A map of 4 x 4 places, what makes features of it, and a head.

    Args:
        pool: from the map to features.
        head: from them to logits.
    """

    def __init__(self, pool: nn.Module, head: nn.Module) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.body = nn.Sequential(nn.Conv2d(3, 6, 2, 2), nn.ReLU())
        self.pool, self.head = pool, head

    def forward(self, pixel_values: Tensor) -> Tensor:
        logits: Tensor = self.head(self.pool(self.body(pixel_values)))
        return logits.flatten(1)


def pooled(*then: nn.Module) -> nn.Module:
    return nn.Sequential(nn.AdaptiveAvgPool2d(1), *then)


LINEAR = nn.Linear(6, 4)


@pytest.mark.parametrize(
    ("network", "outputs"),
    [
        (Network(pooled(nn.Flatten()), LINEAR), (LOGITS, FEATURES, FEATURE_MAP)),
        (Network(pooled(nn.Flatten(), nn.Dropout()), LINEAR), (LOGITS, FEATURES, FEATURE_MAP)),
        (Network(pooled(), nn.Conv2d(6, 4, 1, bias=False)), (LOGITS, FEATURES, FEATURE_MAP)),
        (Network(pooled(nn.Flatten(), nn.LayerNorm(6)), LINEAR), (LOGITS, FEATURES)),
        (Network(pooled(nn.Flatten(), nn.ReLU()), LINEAR), (LOGITS, FEATURES, FEATURE_MAP)),
        (Network(nn.Sequential(nn.AdaptiveMaxPool2d(1), nn.Flatten()), LINEAR), (LOGITS, FEATURES)),
        (Network(nn.Sequential(nn.Flatten(), nn.Linear(96, 6)), LINEAR), (LOGITS, FEATURES)),
        (Network(pooled(nn.Flatten()), nn.Sequential(LINEAR, nn.Tanh())), (LOGITS,)),
        (Network(nn.Conv2d(6, 4, 1), pooled()), (LOGITS,)),
    ],
    ids=["linear", "dropout", "convolution", "norm", "relu", "max", "flat", "tanh", "averaged logits"],
)
def test_found(network: nn.Module, outputs: tuple[str, ...]) -> None:
    network.eval()
    places = find_places(network, BATCH)
    assert places.outputs == outputs
    with torch.inference_mode():
        found = WithOutputs(network, places)(BATCH)
        assert torch.equal(found[LOGITS], network(BATCH))
    assert tuple(found) == outputs
    if FEATURES in found:
        weight, bias = weights_of(network, places)
        torch.testing.assert_close(found[FEATURES] @ weight.T + bias, found[LOGITS])
    if FEATURE_MAP in found:
        torch.testing.assert_close(found[FEATURE_MAP].mean((2, 3)), found[FEATURES])


def test_a_network_is_left_without_hooks() -> None:
    network = Network(pooled(nn.Flatten()), LINEAR).eval()
    with torch.inference_mode():
        WithOutputs(network, find_places(network, BATCH))(BATCH)
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in network.modules())


def test_every_engine_returns_them(tiny_model: Path) -> None:
    engines: list[Engine] = [*program.onnx_engines(tiny_model / ONNX_PROGRAM, 1, "float32")]
    engines.append(TorchEngine(tiny_model / TORCH_PROGRAM, torch.device("cpu")))
    batch = torch.randn(3, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    weight = torch.from_numpy(np.load(tiny_model / CLASSIFIER))
    first = engines[0].run_with(batch, (FEATURES, FEATURE_MAP))
    for engine in engines:
        found = engine.run_with(batch, (FEATURES, FEATURE_MAP))
        assert list(found) == [LOGITS, FEATURES, FEATURE_MAP]
        assert torch.equal(engine.run(batch), found[LOGITS])
        assert found[FEATURE_MAP].shape[:2] == found[FEATURES].shape == (3, weight.shape[1])
        for name, values in found.items():
            torch.testing.assert_close(values, first[name], atol=1e-4, rtol=1e-4)


def test_the_manifest_names_them(tiny_archive: Path) -> None:
    manifest = read_manifest(tiny_archive)
    assert manifest.outputs == (LOGITS, FEATURES, FEATURE_MAP)
    assert CLASSIFIER in manifest.programs


def test_an_older_manifest_names_none(tiny_archive: Path) -> None:
    text = read_manifest(tiny_archive).to_json()
    older = text.replace(' "outputs": [\n  "logits",\n  "features",\n  "feature_map"\n ]', ' "requires_vnni": false')
    assert older != text
    assert Manifest.from_json(older).outputs == (LOGITS,)


def test_a_network_without_a_linear_head_has_logits_alone(tmp_path: Path) -> None:
    save("DeiTForImageClassificationWithTeacher", tmp_path / "model")
    model = local.load(tmp_path / "model")
    assert program.export(model, tmp_path) == (LOGITS,)
    assert not (tmp_path / CLASSIFIER).exists()
