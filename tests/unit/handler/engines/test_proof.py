"""An engine that computes something else than the proof says is refused."""

from dataclasses import dataclass
from pathlib import Path

import pytest
import torch
from torch import Tensor

from handler.engines.engine import EngineError
from handler.engines.proof import Proof
from handler.manifest import PrecisionName
from tests.unit.handler.engines.fake import FakeEngine

BATCH = torch.randn(2, 3, 4, 4, generator=torch.Generator().manual_seed(0))
LOGITS = torch.tensor([[10.0, 0.0, -5.0], [1.0, 2.0, 3.0]])
PROOF = Proof(BATCH, {"float32": LOGITS, "int8": LOGITS + 0.5})


@dataclass
class Fixed(FakeEngine):
    """An engine that always returns the same logits."""

    logits: Tensor
    precision: PrecisionName = "float32"

    def run(self, batch: Tensor) -> Tensor:
        assert batch is BATCH
        return self.logits


@pytest.mark.parametrize(
    ("precision", "error", "passes"),
    [
        ("float32", 0.009, True),
        ("float32", 0.011, False),
        ("bfloat16", 0.4, True),
        ("bfloat16", 0.6, False),
        ("int8", 1.0, True),
        ("int8", 2.0, False),
        ("float32", float("nan"), False),
    ],
)
def test_check(precision: PrecisionName, error: float, passes: bool) -> None:
    engine = Fixed(LOGITS + error, precision)
    if passes:
        PROOF.check(engine)
    else:
        with pytest.raises(EngineError, match="logits differ from the proof's by"):
            PROOF.check(engine)


def test_the_file(tmp_path: Path) -> None:
    PROOF.save(tmp_path / "proof.npz")
    read = Proof.load(tmp_path / "proof.npz")
    assert torch.equal(read.batch, BATCH)
    assert {name: logits.tolist() for name, logits in read.logits.items()} == {
        name: logits.tolist() for name, logits in PROOF.logits.items()
    }
