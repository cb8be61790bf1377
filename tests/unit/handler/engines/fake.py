"""An engine for tests: it computes whatever `run` returns."""

from abc import ABC, abstractmethod
from collections.abc import Sequence

import torch
from torch import Tensor

from handler.manifest import LOGITS, PrecisionName


class FakeEngine(ABC):
    """An engine whose program returns logits alone, as those of older archives do."""

    name = "fake"
    precision: PrecisionName = "float32"
    device = torch.device("cpu")

    @abstractmethod
    def run(self, batch: Tensor) -> Tensor: ...

    def run_with(self, batch: Tensor, outputs: Sequence[str]) -> dict[str, Tensor]:
        assert not outputs
        return {LOGITS: self.run(batch)}
