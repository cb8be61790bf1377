"""The log of a worker: errors go to stderr, and the reason why a model cannot be loaded is there to be read."""

import subprocess
import sys

import pytest

from handler import worker_log
from handler.worker_log import failure_explained
from tests.conftest import PROJECT

# As TorchServe's worker does before it loads a model.
WORKER = """
import logging, sys
logging.basicConfig(stream=sys.stdout, format="%(message)s", level=logging.INFO)
from handler import worker_log
worker_log.set_up()
worker_log.set_up()
"""


def python(code: str) -> list[str]:
    return [sys.executable, "-c", WORKER + code]


def test_warnings_of_a_worker_go_to_stderr_once() -> None:
    """TorchServe logs a worker's stdout as information, its stderr as warnings."""
    code = """
logging.getLogger("a").info("told")
logging.getLogger("a").error("failed")
logging.info("Backend received inference at: %d", 1)
"""
    result = subprocess.run(python(code), cwd=PROJECT, capture_output=True, text=True, check=True)
    assert (result.stdout, result.stderr) == ("told\n", "ERROR a: failed\n")


def test_a_server_that_stops_reading_has_read_the_reason() -> None:
    """TorchServe reads no more of a worker's output once it hears that loading has failed."""
    code = """
with worker_log.failure_explained():
    raise ValueError("no engine can serve this archive")
"""
    with subprocess.Popen(python(code), cwd=PROJECT, stderr=subprocess.PIPE, text=True) as worker:
        assert worker.stderr
        first = worker.stderr.readline()
        assert worker.poll() is None  # it waits
        worker.kill()
    assert first == "ERROR handler.worker_log: the model cannot be loaded: no engine can serve this archive\n"


@pytest.mark.parametrize(
    ("raised", "seen", "traceback"),
    [
        (ValueError("unknown setting"), RuntimeError, False),
        (FileNotFoundError("model.json"), RuntimeError, False),
        (RuntimeError("CUDA out of memory"), RuntimeError, True),  # TorchServe looks for CUDA in the text
        (MemoryError("no memory"), MemoryError, True),
        (KeyError("a fault of ours"), KeyError, True),
    ],
)
def test_each_kind_of_failure(
    raised: Exception,
    seen: type[Exception],
    traceback: bool,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(worker_log, "SECONDS_TO_READ", 0)
    with pytest.raises(seen) as caught, failure_explained():
        raise raised
    assert type(caught.value) is seen
    assert str(raised) in str(caught.value)
    [record] = caplog.records
    assert record.getMessage() == f"the model cannot be loaded: {raised}"
    assert bool(record.exc_info) is traceback
