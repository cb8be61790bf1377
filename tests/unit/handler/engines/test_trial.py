"""A candidate is proved and timed; one that is wrong, crashes or hangs is out, and this process goes on."""

import os
import signal
import time
from pathlib import Path

import pytest

from handler.engines import trial
from handler.engines.candidates import Candidate
from handler.engines.engine import Engine, EngineError
from handler.engines.proof import Proof
from handler.engines.trial import Trial, try_in_process
from handler.manifest import PROOF, Manifest
from tests.unit.handler.engines.test_proof import BATCH, LOGITS, Fixed

ONNX = Candidate("onnx", "float32")


@pytest.fixture
def proof() -> Proof:
    return Proof(BATCH, {"float32": LOGITS})


def test_the_real_engines(tiny_model: Path) -> None:
    manifest = Manifest.from_json((tiny_model / "model.json").read_text())
    tiny = Proof.load(tiny_model / PROOF)
    for candidate in (ONNX, Candidate("openvino", "float32")):
        found = try_in_process(candidate, lambda one: one.open(manifest, tiny_model, 1), tiny)
        assert (found.candidate, found.problem) == (candidate, None)
        assert found.images_per_second is not None
        assert found.images_per_second > 10


def test_the_rate_is_that_of_the_fastest_run(monkeypatch: pytest.MonkeyPatch, proof: Proof) -> None:
    clock = iter([0.0, 0.5, 1.0, 1.25, 2.0, 2.5])
    monkeypatch.setattr(time, "perf_counter", lambda: next(clock))
    assert trial.measure(Fixed(LOGITS), proof) == 2 / 0.25


def test_wrong_logits(proof: Proof) -> None:
    found = try_in_process(ONNX, lambda _: Fixed(-LOGITS), proof)
    assert found.images_per_second is None
    assert "logits differ" in str(found.problem)


@pytest.mark.parametrize("error", [EngineError("not installed"), ValueError("not installed"), MemoryError()])
def test_an_engine_that_cannot_be_opened(proof: Proof, error: Exception) -> None:
    def fail(_: Candidate) -> Engine:
        raise error

    found = try_in_process(ONNX, fail, proof)
    assert found.problem in (str(error), repr(error))


def test_a_crash(proof: Proof) -> None:
    def crash(_: Candidate) -> Engine:
        os.kill(os.getpid(), signal.SIGKILL)
        return Fixed(LOGITS)

    assert try_in_process(ONNX, crash, proof) == Trial(ONNX, None, "its process crashed (status -9)")


def test_an_exit(proof: Proof) -> None:
    found = try_in_process(ONNX, lambda _: os._exit(3), proof)
    assert found.problem == "its process crashed (status 3)"


def test_a_candidate_that_hangs(monkeypatch: pytest.MonkeyPatch, proof: Proof) -> None:
    monkeypatch.setattr(trial, "TIME_LIMIT", 1)

    def hang(_: Candidate) -> Engine:
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
        time.sleep(60)
        return Fixed(LOGITS)

    start = time.monotonic()
    found = try_in_process(ONNX, hang, proof)
    assert found.problem == "it took more than 1 s"
    assert time.monotonic() - start < 10


def test_no_process_can_be_started(monkeypatch: pytest.MonkeyPatch, proof: Proof) -> None:
    def fail() -> int:
        raise OSError("Cannot allocate memory")

    monkeypatch.setattr(os, "fork", fail)
    found = try_in_process(ONNX, lambda _: Fixed(LOGITS), proof)
    assert found.problem == "its process did not start: Cannot allocate memory"


@pytest.mark.parametrize("found", [Trial(ONNX, 12.5), Trial(ONNX, problem="not installed")])
def test_documents(found: Trial) -> None:
    assert Trial.from_document(found.to_document()) == found
