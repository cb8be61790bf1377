"""Does an engine compute what the source model does? The archive's `proof.npz` has inputs and their logits."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from handler.engines.engine import Engine, EngineError
from handler.manifest import PrecisionName

# The largest difference of a logit, as a fraction of the largest logit. float32 engines differ by 1e-6 to 1e-4, and
# bfloat16 moves the logits of the ResNet-50 test weights by 1e-2. In 8 bits, engines round and fuse layers differently.
TOLERANCE: dict[PrecisionName, float] = {"float32": 1e-3, "bfloat16": 5e-2, "int8": 1e-1}


@dataclass(frozen=True)
class Proof:
    """Inputs with their logits.

    Args:
        batch: normalised float32 images (N, 3, height, width).
        logits: float32 (N, classes), by precision; bfloat16 is compared with float32's.
    """

    batch: Tensor
    logits: dict[str, Tensor]

    @classmethod
    def load(cls, path: Path) -> "Proof":
        """Read the file that `save` wrote."""
        with np.load(path) as arrays:
            tensors = {name: torch.from_numpy(arrays[name]) for name in arrays.files}
        return cls(tensors.pop("batch"), tensors)

    def save(self, path: Path) -> None:
        """Write the file."""
        arrays: dict[str, Any] = {name: logits.numpy() for name, logits in self.logits.items()}
        np.savez(path, batch=self.batch.numpy(), **arrays)

    def check(self, engine: Engine) -> None:
        """Run an engine on the inputs.

        Raises:
            EngineError: its logits are wrong.
        """
        expected = self.logits["float32" if engine.precision == "bfloat16" else engine.precision]
        found, allowed = difference(engine.run(self.batch), expected), TOLERANCE[engine.precision]
        if not found <= allowed:
            raise EngineError(f"its logits differ from the proof's by {found:.1e} of the largest, more than {allowed}")


def difference(actual: Tensor, expected: Tensor) -> float:
    """Return the largest absolute difference of two logits (N, classes), relative to the largest expected one."""
    return float((actual - expected).abs().max() / expected.abs().max().clamp(min=1.0))
