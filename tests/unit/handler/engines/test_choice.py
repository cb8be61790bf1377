"""The fastest engine that keeps the manifest's promises serves; what cannot be used is out, and said in one line."""

import builtins
import dataclasses
import json
import logging
import os
import shutil
import signal
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from handler.engines import choice as module
from handler.engines.candidates import Candidate
from handler.engines.choice import device_of, open_engine
from handler.engines.engine import EngineError
from handler.engines.pytorch import TorchEngine
from handler.engines.trial import Trial
from handler.lifecycle import TRIALS_DIRECTORY
from handler.manifest import ONNX_PROGRAM, PROOF, TORCH_PROGRAM, Manifest, sha256_of
from handler.settings import EngineSetting, Settings

CPU = torch.device("cpu")
BATCH = torch.zeros(3, 3, 32, 32)
ONNX, OPENVINO = Candidate("onnx", "float32"), Candidate("openvino", "float32")
FLOAT32 = Settings(precision="float32")


@pytest.fixture
def copy(tiny_model: Path, tmp_path: Path) -> Path:
    shutil.copytree(tiny_model, tmp_path / "model", ignore=shutil.ignore_patterns("trials-*"))
    return tmp_path / "model"


@pytest.fixture
def manifest(tiny_model: Path) -> Manifest:
    return Manifest.from_json((tiny_model / "model.json").read_text())


def without(monkeypatch: pytest.MonkeyPatch, *packages: str) -> None:
    """Make imports of these packages fail, here and in a process that is forked from here."""
    real_import = builtins.__import__

    def fail(name: str, *args: Any, **kwargs: Any) -> Any:
        if name in packages:
            raise ImportError(f"No module named {name!r}")
        return real_import(name, *args, **kwargs)

    for package in packages:
        monkeypatch.delitem(sys.modules, package, raising=False)
    monkeypatch.setattr(builtins, "__import__", fail)


@pytest.mark.parametrize("fastest", [ONNX, OPENVINO])
def test_the_fastest_serves(
    copy: Path, manifest: Manifest, monkeypatch: pytest.MonkeyPatch, fastest: Candidate
) -> None:
    rates = {ONNX: 20.0, OPENVINO: 20.0, fastest: 30.0}
    monkeypatch.setattr(module, "try_each", lambda tried, *_: [Trial(one, rates[one]) for one in tried])
    choice = open_engine(manifest, copy, FLOAT32, 1)
    assert choice.engine.name == fastest.engine
    assert choice.engine.run(BATCH).shape == (3, 10)


def test_real_trials_are_remembered_beside_the_archive(copy: Path, manifest: Manifest) -> None:
    choice = open_engine(manifest, copy, FLOAT32, 1)
    (remembered,) = copy.glob("trials-*.json")
    assert json.loads(remembered.read_text()) == choice.to_document()["trials"]
    assert [trial.candidate for trial in choice.trials] == [ONNX, OPENVINO]
    assert all(trial.images_per_second for trial in choice.trials)


def test_or_in_the_servers_directory(
    copy: Path, manifest: Manifest, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv(TRIALS_DIRECTORY, str(tmp_path / "trials"))
    open_engine(manifest, copy, FLOAT32, 1)
    assert len(list((tmp_path / "trials").glob("trials-*.json"))) == 1
    assert not list(copy.glob("trials-*"))


def test_the_description(copy: Path, manifest: Manifest, monkeypatch: pytest.MonkeyPatch) -> None:
    trials = [Trial(ONNX, 20.5), Trial(OPENVINO, problem="not installed")]
    monkeypatch.setattr(module, "try_each", lambda *_: trials)
    monkeypatch.setattr(module, "instruction_set", lambda _: "avx2")
    choice = open_engine(manifest, copy, FLOAT32, 2)
    assert str(choice) == "onnx in float32 (avx2), cpu with 2 threads"
    assert choice.to_document() == {
        "engine": "onnx",
        "precision": "float32",
        "instruction_set": "avx2",
        "device": "cpu",
        "threads": 2,
        "trials": [
            {"engine": "onnx", "precision": "float32", "images_per_second": 20.5},
            {"engine": "openvino", "precision": "float32", "problem": "not installed"},
        ],
    }


def test_what_crashed_is_never_opened_here(
    copy: Path, manifest: Manifest, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    crashed = [Trial(one, problem="its process crashed (status -11)") for one in (ONNX, OPENVINO)]
    monkeypatch.setattr(module, "try_each", lambda *_: crashed)
    with caplog.at_level(logging.WARNING):
        choice = open_engine(manifest, copy, FLOAT32, 1)
    assert isinstance(choice.engine, TorchEngine)
    assert [record.getMessage() for record in caplog.records] == [
        "onnx in float32 cannot be used: its process crashed (status -11)",
        "openvino in float32 cannot be used: its process crashed (status -11)",
    ]


@pytest.mark.parametrize(
    ("missing", "serves"),
    [(("openvino",), "onnx"), (("onnxruntime",), "openvino"), (("onnxruntime", "openvino"), "torch")],
)
def test_what_is_not_installed(  # noqa: PLR0917 - fixtures
    copy: Path,
    manifest: Manifest,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    missing: tuple[str, ...],
    serves: str,
) -> None:
    without(monkeypatch, *missing)
    with caplog.at_level(logging.WARNING):
        choice = open_engine(manifest, copy, FLOAT32, 1)
    assert choice.engine.name == serves
    assert choice.engine.run(BATCH).shape == (3, 10)
    lines = [record.getMessage() for record in caplog.records]
    assert len(lines) == len(missing)
    assert all("is not installed: No module named" in line for line in lines)


def test_a_changed_program_is_never_opened(copy: Path, manifest: Manifest, caplog: pytest.LogCaptureFixture) -> None:
    with (copy / ONNX_PROGRAM).open("ab") as file:
        file.write(b"\0")
    with caplog.at_level(logging.WARNING):
        assert isinstance(open_engine(manifest, copy, FLOAT32, 1).engine, TorchEngine)
    assert caplog.text.count("program.onnx is refused: its SHA-256 is not the manifest's") == 2  # for either engine


def test_a_program_that_neither_engine_can_load(
    copy: Path, manifest: Manifest, caplog: pytest.LogCaptureFixture
) -> None:
    (copy / ONNX_PROGRAM).write_bytes(b"not a program")
    programs = {**manifest.programs, ONNX_PROGRAM: sha256_of(copy / ONNX_PROGRAM)}
    with caplog.at_level(logging.WARNING):
        choice = open_engine(dataclasses.replace(manifest, programs=programs), copy, FLOAT32, 1)
    assert isinstance(choice.engine, TorchEngine)
    assert "ONNX Runtime cannot load program.onnx" in caplog.text
    assert "OpenVINO cannot load program.onnx" in caplog.text


def test_without_a_proof_only_torch_may_serve(copy: Path, manifest: Manifest, caplog: pytest.LogCaptureFixture) -> None:
    (copy / PROOF).unlink()
    with caplog.at_level(logging.WARNING):
        assert open_engine(manifest, copy, FLOAT32, 1).engine.name == "torch"
    assert "onnx in float32 cannot be used: proof.npz is not in the archive" in caplog.messages


def test_a_single_candidate_that_crashes_does_not_take_the_worker_with_it(
    copy: Path, manifest: Manifest, monkeypatch: pytest.MonkeyPatch
) -> None:
    def crash(*_: object) -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    monkeypatch.setattr(Candidate, "open", crash)
    with pytest.raises(EngineError, match=r"onnx in float32: its process crashed \(status -9\)"):
        open_engine(manifest, copy, Settings(engine="onnx"), 1)


def test_nothing_is_served_when_all_programs_are_changed(copy: Path, manifest: Manifest) -> None:
    for name in (ONNX_PROGRAM, TORCH_PROGRAM):
        (copy / name).write_bytes(b"changed")
    with pytest.raises(
        EngineError, match=r"no engine can serve this archive: .*program\.onnx is refused.*program\.pt2"
    ):
        open_engine(manifest, copy, FLOAT32, 1)


@pytest.mark.parametrize("engine", ["onnx", "openvino"])
def test_a_forced_engine_does_not_fall_back(copy: Path, manifest: Manifest, engine: EngineSetting) -> None:
    (copy / ONNX_PROGRAM).unlink()
    with pytest.raises(EngineError, match=r"program\.onnx is not in the archive"):
        open_engine(manifest, copy, Settings(engine=engine, precision="float32"), 1)


def test_settings_that_the_archive_cannot_meet(copy: Path, manifest: Manifest) -> None:
    with pytest.raises(
        EngineError, match=r"handler\.engine onnx has no bfloat16 here.*is float32: set handler\.precision auto"
    ):
        open_engine(manifest, copy, Settings(engine="onnx", precision="bfloat16"), 1)


def test_torch_has_one_thread_unless_it_serves(copy: Path, manifest: Manifest) -> None:
    open_engine(manifest, copy, Settings(engine="onnx"), 2)
    assert torch.get_num_threads() == 1
    open_engine(manifest, copy, Settings(engine="torch", precision="float32"), 2)
    assert torch.get_num_threads() == 2


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU here")
def test_a_gpu_is_taken_with_bfloat16(tiny_model: Path, manifest: Manifest) -> None:
    engine = open_engine(manifest, tiny_model, Settings(), 1, gpu_id=0).engine
    assert isinstance(engine, TorchEngine)
    assert (engine.device.type, engine._dtype) == ("cuda", torch.bfloat16)
    assert engine._sizes  # compiled
    assert engine.run(torch.zeros(3, 3, 32, 32)).shape == (3, 10)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU here")
def test_a_gpu_in_float32(tiny_model: Path, manifest: Manifest) -> None:
    choice = open_engine(manifest, tiny_model, FLOAT32, 1, gpu_id=0)
    assert (choice.engine.precision, choice.instruction_set) == ("float32", "cuda")


def test_without_a_gpu_the_device_is_the_cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert device_of(None) == device_of(0) == CPU
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert device_of(1) == torch.device("cuda", 1)
    assert device_of(None) == CPU
