"""The network on uint8 images: normalisation, batches and scores."""

import torch
from torch import Tensor

from handler.engines.engine import MAX_BATCH
from handler.manifest import InputSpec
from handler.metrics import Metrics
from handler.model import Model, normalize
from handler.scores import scores_of
from tests.unit.handler.batches import new_metrics_cache
from tests.unit.handler.engines.fake import FakeEngine

SPEC = InputSpec({"shortest_edge": 4}, (4, 5), "bicubic", 1 / 255, (0.5, 0.4, 0.3), (0.2, 0.25, 0.3))


class Recorder(FakeEngine):
    """An engine whose logits are the mean of each image, and which keeps the sizes of its batches."""

    def __init__(self) -> None:
        self.sizes: list[int] = []

    def run(self, batch: Tensor) -> Tensor:
        self.sizes.append(len(batch))
        return torch.stack([batch.mean(dim=(1, 2, 3)), torch.zeros(len(batch))], dim=1)


def test_normalize_is_the_formula_of_the_source() -> None:
    batch = torch.randint(0, 256, (1, 3, 4, 5), dtype=torch.uint8, generator=torch.Generator().manual_seed(1))
    mean, std = (torch.tensor(values).view(3, 1, 1) for values in (SPEC.mean, SPEC.std))
    torch.testing.assert_close(normalize(batch, SPEC), (batch / 255 - mean) / std)


def test_an_engine_gets_a_bounded_number_of_images() -> None:
    engine = Recorder()
    images = [torch.full((3, 4, 5), index, dtype=torch.uint8) for index in range(2 * MAX_BATCH + 1)]
    scores = Model(engine, SPEC, Metrics(new_metrics_cache(), "m"), "softmax").scores(images)
    assert engine.sizes == [MAX_BATCH, MAX_BATCH, 1]
    assert scores.shape == (len(images), 2)
    assert torch.equal(scores[:, 0].sort().values, scores[:, 0])  # in the images' order


def test_scores_are_a_softmax_in_float32() -> None:
    scores = scores_of(torch.tensor([[1000.0, 0.0]], dtype=torch.bfloat16), "softmax")
    assert scores.dtype == torch.float32
    assert scores.tolist() == [[1.0, 0.0]]


def test_scores_are_the_sigmoid_of_each_class() -> None:
    scores = scores_of(torch.tensor([[1000.0, 0.0, -1000.0]], dtype=torch.float16), "sigmoid")
    assert scores.dtype == torch.float32
    assert scores.tolist() == [[1.0, 0.5, 0.0]]
