"""Trials are taken once, by one process, and again where they could have ended otherwise."""

import logging
import multiprocessing
import time
from pathlib import Path

import pytest

from handler.engines import remembered
from handler.engines.candidates import Candidate
from handler.engines.remembered import key_of, trials_of
from handler.engines.trial import Trial
from handler.manifest import Manifest

ONNX, OPENVINO = Candidate("onnx", "float32"), Candidate("openvino", "float32")
TRIALS = [Trial(ONNX, 20.5), Trial(OPENVINO, 19.5)]


class Counted:
    """Takes the trials, and counts how often."""

    def __init__(self, trials: list[Trial]) -> None:
        self.trials, self.calls = trials, 0

    def __call__(self) -> list[Trial]:
        self.calls += 1
        return self.trials


def test_once(tmp_path: Path) -> None:
    take = Counted(TRIALS)
    path = tmp_path / "new" / "trials.json"
    assert trials_of(path, take) == trials_of(path, take) == TRIALS
    assert take.calls == 1


def test_a_problem_is_not_remembered(tmp_path: Path) -> None:
    """A damaged archive of the same manifest must not decide for a whole one."""
    take = Counted([*TRIALS, Trial(Candidate("openvino", "bfloat16"), problem="refused")])
    for _ in range(2):
        trials_of(tmp_path / "trials.json", take)
    assert take.calls == 2


@pytest.mark.parametrize("text", ["", "[{", "{}", "null", "3", '[{"engine": "onnx"}]', "[1]"])
def test_a_damaged_file_is_written_again(tmp_path: Path, text: str) -> None:
    path = tmp_path / "trials.json"
    path.write_text(text)
    take = Counted(TRIALS)
    assert trials_of(path, take) == trials_of(path, take) == TRIALS
    assert take.calls == 1


def test_a_folder_that_cannot_be_written(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "file").write_text("")
    with caplog.at_level(logging.WARNING):
        assert trials_of(tmp_path / "file" / "trials.json", Counted(TRIALS)) == TRIALS
    assert "cannot be remembered" in caplog.text


def test_a_full_disk(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        remembered._write(Path("/dev/full"), TRIALS)
    assert "cannot be remembered" in caplog.text


def _take_slowly(path: Path, log: Path) -> None:
    def take() -> list[Trial]:
        with log.open("a") as file:
            file.write("taken\n")
        time.sleep(0.5)
        return TRIALS

    assert trials_of(path, take) == TRIALS


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


def test_what_they_depend_on(tiny_model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    manifest = Manifest.from_json((tiny_model / "model.json").read_text())
    keys = {key_of(manifest, [ONNX, OPENVINO], 2), key_of(manifest, [ONNX], 2), key_of(manifest, [ONNX, OPENVINO], 1)}
    monkeypatch.setattr(remembered, "cpu_name", lambda: "another CPU")
    keys.add(key_of(manifest, [ONNX, OPENVINO], 2))
    monkeypatch.setattr(remembered, "PACKAGES", ("no such package",))
    keys.add(key_of(manifest, [ONNX, OPENVINO], 2))
    assert len(keys) == 5
    assert key_of(manifest, [ONNX, OPENVINO], 2) in keys
