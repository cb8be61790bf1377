"""A candidate is proved and timed; one that is wrong, crashes or hangs is out, and this process goes on."""

import multiprocessing
import os
import signal
import time
from pathlib import Path

import psutil
import pytest
from torch import Tensor

from handler.engines import trial
from handler.engines.candidates import Candidate
from handler.engines.engine import Engine, EngineError
from handler.engines.proof import Proof
from handler.engines.trial import Trial, try_in_process
from handler.manifest import PROOF, Manifest
from scripts.common.waiting import wait_until
from tests.unit.handler.engines.test_proof import BATCH, LOGITS, Fixed

ONNX = Candidate("onnx", "float32")


@pytest.fixture
def proof() -> Proof:
    return Proof(BATCH, {"float32": LOGITS})


def test_the_real_engines(tiny_model: Path) -> None:
    manifest = Manifest.from_json((tiny_model / "model.json").read_text())
    tiny = Proof.load(tiny_model / PROOF)
    for candidate in (ONNX, Candidate("openvino", "float32")):
        found = try_in_process(candidate, lambda one: one.open(manifest, tiny_model, 1), tiny, 1)
        assert (found.candidate, found.problem) == (candidate, None)
        assert found.images_per_second is not None
        assert found.images_per_second > 10


@pytest.mark.parametrize(
    ("threads", "clock", "rate"),
    [
        (1, [0.0, 0.9, 1.0, 1.5, 2.0, 2.25], 2 / 0.25),  # the fastest of two runs after the proof
        (2, [0.0, 1.8, 2.0, 3.0, 4.0, 4.5], 2 / 0.25),  # two threads take twice the CPU time in the same time
        (1, [0.0, 4.0], 2 / 4),  # a slow engine has no time for more than the proof
    ],
)
def test_the_rate(monkeypatch: pytest.MonkeyPatch, proof: Proof, threads: int, clock: list[float], rate: float) -> None:
    moments = iter(clock)
    monkeypatch.setattr(time, "process_time", lambda: next(moments))
    assert trial.measure(Fixed(LOGITS), proof, threads) == rate


def test_waiting_for_a_core_is_not_counted(monkeypatch: pytest.MonkeyPatch, proof: Proof) -> None:
    class Delayed(Fixed):
        def run(self, batch: Tensor) -> Tensor:
            time.sleep(0.1)
            return super().run(batch)

    monkeypatch.setattr(trial, "SECONDS", 0.0)
    assert trial.measure(Delayed(LOGITS), proof, 1) > 10 * len(BATCH) / 0.1


def test_wrong_logits(proof: Proof) -> None:
    found = try_in_process(ONNX, lambda _: Fixed(-LOGITS), proof, 1)
    assert found.images_per_second is None
    assert "logits differ" in str(found.problem)


@pytest.mark.parametrize(
    ("error", "problem"),
    [(EngineError("a sentence"), "a sentence"), (ValueError("a"), "ValueError('a')"), (MemoryError(), "MemoryError()")],
)
def test_an_engine_that_cannot_be_opened(proof: Proof, error: Exception, problem: str) -> None:
    def fail(_: Candidate) -> Engine:
        raise error

    found = try_in_process(ONNX, fail, proof, 1)
    assert found.problem == problem


def test_a_crash(proof: Proof) -> None:
    def crash(_: Candidate) -> Engine:
        os.kill(os.getpid(), signal.SIGKILL)
        return Fixed(LOGITS)

    assert try_in_process(ONNX, crash, proof, 1) == Trial(ONNX, None, "its process crashed (status -9)")


def test_an_exit(proof: Proof) -> None:
    found = try_in_process(ONNX, lambda _: os._exit(3), proof, 1)
    assert found.problem == "its process crashed (status 3)"


def test_a_candidate_that_hangs(monkeypatch: pytest.MonkeyPatch, proof: Proof) -> None:
    monkeypatch.setattr(trial, "TIME_LIMIT", 1)

    def hang(_: Candidate) -> Engine:
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
        time.sleep(60)
        return Fixed(LOGITS)

    start = time.monotonic()
    found = try_in_process(ONNX, hang, proof, 1)
    assert found.problem == "it took more than 1 s"
    assert time.monotonic() - start < 10


def test_no_process_can_be_started(monkeypatch: pytest.MonkeyPatch, proof: Proof) -> None:
    def fail() -> int:
        raise OSError("Cannot allocate memory")

    monkeypatch.setattr(os, "fork", fail)
    found = try_in_process(ONNX, lambda _: Fixed(LOGITS), proof, 1)
    assert found.problem == "its process did not start: Cannot allocate memory"


@pytest.mark.parametrize("found", [Trial(ONNX, 12.5), Trial(ONNX, problem="not installed")])
def test_documents(found: Trial) -> None:
    assert Trial.from_document(found.to_document()) == found


def test_a_trial_does_not_outlive_its_worker(proof: Proof, tmp_path: Path) -> None:
    def hang(_: Candidate) -> Engine:
        (tmp_path / "pid").write_text(str(os.getpid()))
        time.sleep(60)
        return Fixed(LOGITS)

    worker = multiprocessing.get_context("fork").Process(target=try_in_process, args=(ONNX, hang, proof, 1))
    worker.start()
    started = wait_until(lambda: (tmp_path / "pid").exists() and (tmp_path / "pid").read_text(), 10, 0.02)
    worker.kill()
    worker.join()
    assert wait_until(lambda: not psutil.pid_exists(int(started)), 10, 0.02)
