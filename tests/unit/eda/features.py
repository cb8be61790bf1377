"""A tiny network in place of an archive's: its features are an image's histogram of colours."""

from collections.abc import Sequence

import torch
from torch import Tensor

from eda.embeddings.network import Network
from handler.manifest import FEATURES, LOGITS, ONNX_PROGRAM, InputSpec, Manifest
from tests.unit.handler.engines.fake import FakeEngine

LEVELS = 6
"""Of each channel."""


class HistogramEngine(FakeEngine):
    """Counts the images that it has computed."""

    def __init__(self) -> None:
        self.images = 0

    def run(self, batch: Tensor) -> Tensor:
        return self.run_with(batch, ())[LOGITS]

    def run_with(self, batch: Tensor, outputs: Sequence[str]) -> dict[str, Tensor]:
        self.images += len(batch)
        levels = (batch * LEVELS).floor().clamp(0, LEVELS - 1).long()
        colours = (levels[:, 0] * LEVELS + levels[:, 1]) * LEVELS + levels[:, 2]
        counts = torch.stack([torch.bincount(one.flatten(), minlength=LEVELS**3) for one in colours])
        return {LOGITS: batch.mean(dim=(2, 3)), FEATURES: counts.to(torch.float32).sqrt()}


def histogram_network() -> Network:
    """Return a network of three classes that reads 48 x 48 pixels."""
    spec = InputSpec({"shortest_edge": 48}, (48, 48), "bicubic", 1 / 255, (0.0, 0.0, 0.0), (1.0, 1.0, 1.0))
    manifest = Manifest(
        name="histogram",
        version="1.0",
        source="a test",
        licence="none",
        fallback=False,
        weights_sha256="0",
        programs={ONNX_PROGRAM: "0"},
        labels=("red, ruby", "green", "blue"),
        input=spec,
        built_with={},
        fingerprint="0",
        outputs=(LOGITS, FEATURES),
    )
    return Network(manifest, HistogramEngine())
