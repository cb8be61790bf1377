"""Trials are taken once, by one process, and again where they could have ended otherwise."""

import fcntl
import logging
import multiprocessing
import os
import time
from pathlib import Path

import pytest

from handler.engines import remembered
from handler.engines.candidates import Candidate
from handler.engines.remembered import RETRY, key_of, trials_of
from handler.engines.trial import Trial
from handler.manifest import Manifest

ONNX, OPENVINO = Candidate("onnx", "float32"), Candidate("openvino", "float32")
BOTH = [ONNX, OPENVINO]
TRIALS = [Trial(ONNX, 20.5), Trial(OPENVINO, 19.5)]


class Counted:
    """Takes the trials, and counts how often."""

    def __init__(self, trials: list[Trial]) -> None:
        self.trials, self.calls = trials, 0

    def __call__(self, candidates: list[Candidate]) -> list[Trial]:
        assert candidates == BOTH
        self.calls += 1
        return self.trials


def test_once(tmp_path: Path) -> None:
    take = Counted(TRIALS)
    path = tmp_path / "new" / "trials.json"
    assert trials_of(path, BOTH, take) == trials_of(path, BOTH, take) == TRIALS
    assert take.calls == 1


def test_a_problem_is_tried_again_after_a_while(tmp_path: Path) -> None:
    take = Counted([TRIALS[0], Trial(OPENVINO, problem="its process crashed (status -9)")])
    path = tmp_path / "trials.json"
    for _ in range(2):  # as workers that start together
        trials_of(path, BOTH, take)
    assert take.calls == 1
    long_ago = time.time() - RETRY - 1
    os.utime(path, (long_ago, long_ago))
    trials_of(path, BOTH, take)
    assert take.calls == 2


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"[{",
        b"{}",
        b"null",
        b"3",
        b"[1]",
        b"\xff\xfe",
        b'[{"engine": "onnx"}]',
        b'[{"engine": "onnx", "precision": "float32", "images_per_second": 5}]',
        b'[{"engine": "onnx", "precision": "float32"}, {"engine": "openvino", "precision": "float32"}]',
        b'[{"engine": "onnx", "precision": "float32", "images_per_second": "fast"}, '
        b'{"engine": "openvino", "precision": "float32", "images_per_second": 5}]',
    ],
)
def test_a_file_of_something_else_is_written_again(tmp_path: Path, text: bytes) -> None:
    path = tmp_path / "trials.json"
    path.write_bytes(text)
    take = Counted(TRIALS)
    assert trials_of(path, BOTH, take) == trials_of(path, BOTH, take) == TRIALS
    assert take.calls == 1


def test_a_folder_that_cannot_be_written(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "file").write_text("")
    with caplog.at_level(logging.WARNING):
        assert trials_of(tmp_path / "file" / "trials.json", BOTH, Counted(TRIALS)) == TRIALS
    assert "cannot be remembered" in caplog.text


@pytest.mark.parametrize("fails", ["flock", "write_text"])
def test_a_disk_that_is_full_or_cannot_lock(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, fails: str
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise OSError(f"no {fails}")

    monkeypatch.setattr(fcntl if fails == "flock" else Path, fails, fail)
    take = Counted(TRIALS)
    with caplog.at_level(logging.WARNING):
        assert trials_of(tmp_path / "trials.json", BOTH, take) == TRIALS
    assert take.calls == 1
    assert caplog.messages == [f"what the engines reach here cannot be remembered: no {fails}"]


def _take_slowly(path: Path, log: Path) -> None:
    def take(_: list[Candidate]) -> list[Trial]:
        with log.open("a") as file:
            file.write("taken\n")
        time.sleep(0.5)
        return TRIALS

    assert trials_of(path, BOTH, take) == TRIALS


def test_workers_that_start_together_take_them_once(tmp_path: Path) -> None:
    context = multiprocessing.get_context("fork")
    arguments = (tmp_path / "trials.json", tmp_path / "log")
    workers = [context.Process(target=_take_slowly, args=arguments) for _ in range(3)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert [worker.exitcode for worker in workers] == [0, 0, 0]
    assert (tmp_path / "log").read_text() == "taken\n"


def test_models_that_start_together_take_turns(tmp_path: Path) -> None:
    context = multiprocessing.get_context("fork")
    paths = [tmp_path / f"trials-{index}.json" for index in range(2)]
    workers = [context.Process(target=_take_slowly, args=(path, tmp_path / "log")) for path in paths]
    start = time.monotonic()
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert time.monotonic() - start >= 1.0  # half a second each
    assert (tmp_path / "log").read_text() == "taken\ntaken\n"


def test_what_they_depend_on(tiny_model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    manifest = Manifest.from_json((tiny_model / "model.json").read_text())
    keys = [key_of(manifest, BOTH, 2), key_of(manifest, [ONNX], 2), key_of(manifest, BOTH, 1)]
    assert key_of(manifest, BOTH, 2) == keys[0]
    for name, value in (("cpu_name", "another"), ("features", frozenset({"amx"})), ("_version", "2.0")):
        with monkeypatch.context() as patch:
            patch.setattr(remembered, name, lambda *_, value=value: value)
            keys.append(key_of(manifest, BOTH, 2))
    assert len(set(keys)) == 6
