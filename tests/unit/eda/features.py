"""A tiny network in place of an archive's, whose features are an image's histogram of colours, and drawn features."""

import io
from collections.abc import Sequence

import numpy as np
import pandas as pd
import torch
from PIL import Image, ImageFilter
from torch import Tensor

from eda.embeddings.cache import Cache
from eda.embeddings.features import compute_features
from eda.embeddings.network import Network
from eda.embeddings.result import Features
from eda.explore import Exploration
from handler.engines.engine import Engine
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


def histogram_network(*engines: Engine) -> Network:
    """Return a network of three classes that reads 48 x 48 pixels, by default with one HistogramEngine."""
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
    return Network(manifest, engines or [HistogramEngine()])


def embed(found: Exploration, cache: Cache, *engines: Engine) -> Features:
    return compute_features(found.dataset, found.images, found.boxes, histogram_network(*engines), cache)


def drawn_photo(seed: int) -> bytes:
    """Return a photo of shapes in its own colours, with grain."""
    rng = np.random.default_rng(seed)
    blocks = Image.fromarray(rng.integers(0, 256, (9, 12, 3), dtype=np.uint8)).resize(
        (400, 300), Image.Resampling.NEAREST
    )
    out = io.BytesIO()
    blocks.rotate(float(rng.integers(5, 40)), expand=False).crop((60, 45, 340, 255)).filter(
        ImageFilter.GaussianBlur(1)
    ).save(out, "JPEG", quality=92)
    return out.getvalue()


def blobs(counts: tuple[int, ...], spread: float = 0.25, size: int = 32) -> tuple[np.ndarray, np.ndarray]:
    """Return vectors around one centre for each group, and the group of each."""
    rng = np.random.default_rng(0)
    groups = np.repeat(np.arange(len(counts)), counts)
    return (np.eye(size)[groups] + rng.normal(0, spread / size**0.5, (len(groups), size))).astype(np.float32), groups


def boxes_of(groups: np.ndarray) -> pd.DataFrame:
    """Return boxes of the classes a, b, … four to an image."""
    return pd.DataFrame(
        {
            "class_name": [chr(97 + group) for group in groups],
            "image_row": np.random.default_rng(1).permutation(len(groups)) // 4,
        }
    )
