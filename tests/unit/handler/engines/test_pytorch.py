"""torch on a GPU, and what of that a CPU can do too."""

from pathlib import Path

import pytest
import torch

from handler.engines.pytorch import TorchEngine
from handler.manifest import TORCH_PROGRAM

CPU = torch.device("cpu")
GPU = pytest.param(torch.device("cuda"), marks=pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU here"))


@pytest.mark.parametrize("device", [CPU, GPU], ids=["cpu", "gpu"])
def test_bfloat16_is_float32_to_its_eight_bits(tiny_model: Path, device: torch.device) -> None:
    """What a GPU runs; a CPU can do it too, slowly."""
    exact = TorchEngine(tiny_model / TORCH_PROGRAM, CPU)
    rounded = TorchEngine(tiny_model / TORCH_PROGRAM, device, torch.bfloat16)
    batch = torch.randn(5, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    expected, found = exact.run(batch), rounded.run(batch)
    assert (found.dtype, found.device) == (torch.float32, CPU)
    assert not torch.equal(found, expected)
    torch.testing.assert_close(found, expected, atol=0.05 * float(expected.abs().max()), rtol=0)


@pytest.mark.parametrize("device", [CPU, GPU], ids=["cpu", "gpu"])
def test_a_compiled_network_answers_the_same_for_batches_of_any_size(
    tiny_model: Path, device: torch.device, caplog: pytest.LogCaptureFixture
) -> None:
    exact = TorchEngine(tiny_model / TORCH_PROGRAM, CPU)
    compiled = TorchEngine(tiny_model / TORCH_PROGRAM, device, torch.float32, compiled=True)
    assert "uncompiled" not in caplog.text
    for size in (1, 3, 16, 17):
        batch = torch.randn(size, 3, 32, 32)
        torch.testing.assert_close(compiled.run(batch), exact.run(batch), atol=1e-3, rtol=1e-3)


def test_without_a_compiler_the_network_runs_as_it_is(
    tiny_model: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def no_compiler(*_: object, **__: object) -> None:
        raise RuntimeError("Failed to find C compiler.\nPlease specify via CC environment variable.")

    monkeypatch.setattr(torch, "compile", no_compiler)
    engine = TorchEngine(tiny_model / TORCH_PROGRAM, CPU, compiled=True)
    assert engine.run(torch.zeros(3, 3, 32, 32)).shape == (3, 10)
    (record,) = caplog.records
    assert record.getMessage() == "the network runs uncompiled, which is slower: Failed to find C compiler."
