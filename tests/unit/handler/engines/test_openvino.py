"""OpenVINO computes what ONNX Runtime computes, and says what it cannot do."""

from pathlib import Path

import openvino
import pytest
import torch

from handler.engines.cpu import has_bfloat16
from handler.engines.engine import EngineError
from handler.engines.onnx_runtime import OnnxEngine
from handler.engines.openvino import OpenVinoEngine
from handler.manifest import ONNX_PROGRAM


def test_float32_agrees_with_onnx_runtime_on_batches_of_any_size(tiny_model: Path) -> None:
    ours = OpenVinoEngine(tiny_model / ONNX_PROGRAM, 1, "float32")
    theirs = OnnxEngine(tiny_model / ONNX_PROGRAM, 1)
    for size in (1, 2, 7, 16):
        batch = torch.randn(size, 3, 32, 32)
        found = ours.run(batch)
        assert (found.shape, found.dtype) == ((size, 10), torch.float32)
        torch.testing.assert_close(found, theirs.run(batch), atol=1e-4, rtol=1e-4)


def test_logits_of_a_batch_stay_when_the_next_one_runs(tiny_model: Path) -> None:
    engine = OpenVinoEngine(tiny_model / ONNX_PROGRAM, 1, "float32")
    first = engine.run(torch.randn(2, 3, 32, 32))
    kept = first.clone()
    engine.run(torch.randn(2, 3, 32, 32))
    assert torch.equal(first, kept)


def test_a_batch_in_any_memory_layout(tiny_model: Path) -> None:
    engine = OpenVinoEngine(tiny_model / ONNX_PROGRAM, 1, "float32")
    batch = torch.randn(4, 3, 32, 32)
    expected = engine.run(batch)
    assert torch.equal(engine.run(batch.to(memory_format=torch.channels_last)), expected)
    assert torch.equal(engine.run(torch.cat([batch, batch])[::2][:2]), engine.run(batch[::2]))


@pytest.mark.skipif(not has_bfloat16(), reason="this CPU has no instructions for bfloat16")
def test_bfloat16_is_float32_to_its_eight_bits(tiny_model: Path) -> None:
    batch = torch.randn(5, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    expected = OpenVinoEngine(tiny_model / ONNX_PROGRAM, 1, "float32").run(batch)
    found = OpenVinoEngine(tiny_model / ONNX_PROGRAM, 1, "bfloat16").run(batch)
    assert not torch.equal(found, expected)
    torch.testing.assert_close(found, expected, atol=0.05 * float(expected.abs().max()), rtol=0)


def test_bfloat16_is_refused_without_instructions_for_it(tiny_model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """OpenVINO itself would compute in float32, and the metrics would say otherwise."""
    monkeypatch.setattr(openvino.Core, "get_property", lambda *_: ["FP32", "INT8"])
    with pytest.raises(EngineError, match="no instructions for bfloat16"):
        OpenVinoEngine(tiny_model / ONNX_PROGRAM, 1, "bfloat16")
