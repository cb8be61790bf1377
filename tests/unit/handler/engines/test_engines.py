"""Either engine gives the same logits; what cannot be used is refused or replaced, and said in one line."""

import builtins
import contextlib
import dataclasses
import logging
import os
import shutil
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import torch

from handler.engines.choice import device_of, open_engine
from handler.engines.engine import EngineError
from handler.engines.onnx_runtime import OnnxEngine
from handler.engines.pytorch import TorchEngine
from handler.manifest import ONNX_PROGRAM, TORCH_PROGRAM, Manifest
from handler.settings import Settings

CPU = torch.device("cpu")


@pytest.fixture
def manifest(tiny_model: Path) -> Manifest:
    return Manifest.from_json((tiny_model / "model.json").read_text())


@pytest.fixture
def copy(tiny_model: Path, tmp_path: Path) -> Path:
    shutil.copytree(tiny_model, tmp_path / "model")
    return tmp_path / "model"


def test_both_engines_agree_on_batches_of_any_size(tiny_model: Path, manifest: Manifest) -> None:
    onnx = open_engine(manifest, tiny_model, Settings(), 1)
    torch_engine = open_engine(manifest, tiny_model, Settings(engine="torch"), 1)
    assert (onnx.name, torch_engine.name) == ("onnx", "torch")
    for size in (1, 2, 7, 16):
        batch = torch.randn(size, 3, 32, 32)
        expected = torch_engine.run(batch)
        assert expected.shape == (size, 10)
        torch.testing.assert_close(onnx.run(batch), expected, atol=1e-4, rtol=1e-4)


def _pinned_threads() -> dict[str, int]:
    """Return the CPU of each thread of this process that may run on a single one."""
    found = {}
    for task in Path("/proc/self/task").iterdir():
        with contextlib.suppress(ProcessLookupError):  # a thread may end meanwhile
            cpus = os.sched_getaffinity(int(task.name))
            if len(cpus) == 1:
                found[task.name] = next(iter(cpus))
    return found


def test_a_worker_that_has_all_cpus_gives_each_of_its_threads_one(tiny_model: Path) -> None:
    cpus = sorted(os.sched_getaffinity(0))
    if len(cpus) < 2:
        pytest.skip("a single CPU")
    batch = torch.zeros(1, 3, 32, 32)

    def pinned_by(threads: int) -> list[int]:
        before = _pinned_threads()
        engine = OnnxEngine(tiny_model / ONNX_PROGRAM, threads)
        for _ in range(20):  # each thread finds its place by itself, once it runs
            engine.run(batch)
            time.sleep(0.01)
        return sorted(cpu for task, cpu in _pinned_threads().items() if task not in before)

    assert pinned_by(len(cpus)) == cpus[1:]  # the caller is the first thread, and stays free
    assert pinned_by(len(cpus) + 1) == []
    assert pinned_by(len(cpus) - 1) == []


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


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU here")
def test_a_gpu_is_taken_with_bfloat16(tiny_model: Path, manifest: Manifest) -> None:
    engine = open_engine(manifest, tiny_model, Settings(), 1, gpu_id=0)
    assert isinstance(engine, TorchEngine)
    assert (engine.device.type, engine._dtype) == ("cuda", torch.bfloat16)
    assert engine._sizes  # compiled
    assert engine.run(torch.zeros(3, 3, 32, 32)).shape == (3, 10)


def test_without_onnx_runtime_torch_takes_over(
    copy: Path, manifest: Manifest, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    real_import = builtins.__import__

    def no_onnx_runtime(name: str, *args: Any, **kwargs: Any) -> Any:
        if name == "onnxruntime":
            raise ImportError("No module named 'onnxruntime'")
        return real_import(name, *args, **kwargs)

    monkeypatch.delitem(sys.modules, "onnxruntime", raising=False)
    monkeypatch.setattr(builtins, "__import__", no_onnx_runtime)
    assert _falls_back(copy, manifest, caplog) == (
        "engine onnx cannot be used, falling back to torch, which is slower: "
        "ONNX Runtime is not installed: No module named 'onnxruntime'"
    )


def test_a_changed_program_is_never_opened(copy: Path, manifest: Manifest, caplog: pytest.LogCaptureFixture) -> None:
    with (copy / ONNX_PROGRAM).open("ab") as file:
        file.write(b"\0")
    assert "program.onnx is refused: its SHA-256 is not the manifest's" in _falls_back(copy, manifest, caplog)


def test_a_program_that_onnx_runtime_cannot_load(
    copy: Path, manifest: Manifest, caplog: pytest.LogCaptureFixture
) -> None:
    from handler.manifest import sha256_of

    (copy / ONNX_PROGRAM).write_bytes(b"not a program")
    programs = {**manifest.programs, ONNX_PROGRAM: sha256_of(copy / ONNX_PROGRAM)}
    message = _falls_back(copy, dataclasses.replace(manifest, programs=programs), caplog)
    assert "ONNX Runtime cannot load program.onnx" in message


def _falls_back(directory: Path, manifest: Manifest, caplog: pytest.LogCaptureFixture) -> str:
    """Open the engine, check that it is torch and works, and return the one log line."""
    with caplog.at_level(logging.WARNING):
        engine = open_engine(manifest, directory, Settings(), 1)
    assert isinstance(engine, TorchEngine)
    assert engine.run(torch.zeros(1, 3, 32, 32)).shape == (1, 10)
    (record,) = caplog.records
    return record.getMessage()


def test_nothing_is_served_when_both_programs_are_changed(copy: Path, manifest: Manifest) -> None:
    for name in (ONNX_PROGRAM, TORCH_PROGRAM):
        (copy / name).write_bytes(b"changed")
    with pytest.raises(EngineError, match=r"program\.pt2 is refused"):
        open_engine(manifest, copy, Settings(), 1)


def test_a_forced_engine_does_not_fall_back(copy: Path, manifest: Manifest) -> None:
    (copy / ONNX_PROGRAM).unlink()
    with pytest.raises(EngineError, match=r"program\.onnx is not in the archive"):
        open_engine(manifest, copy, Settings(engine="onnx"), 1)


def test_threads_are_the_ones_asked_for(tiny_model: Path) -> None:
    engine = OnnxEngine(tiny_model / ONNX_PROGRAM, threads=1)
    assert engine._session.get_session_options().intra_op_num_threads == 1


def test_without_a_gpu_the_device_is_the_cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert device_of(None) == device_of(0) == CPU
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert device_of(1) == torch.device("cuda", 1)
    assert device_of(None) == CPU
