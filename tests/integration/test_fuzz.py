"""A short slice of `make fuzz` on the server that all tests share, and the command itself."""

import json
from pathlib import Path

import pytest

from scripts import stand_in
from scripts.failure import Failure
from scripts.fuzz import __main__ as command
from scripts.torchserve import TorchServe


def test_a_slice_of_the_corpus_breaks_no_promise(server: TorchServe) -> None:
    report = command.fuzz(command.local(server, stand_in.NAME), requests=250, seed=2)
    assert report.broken() == [], [(request.data[:300], answer) for request, answer in report.server_errors]
    assert report.good == 50
    assert sum(counts.total() for counts in report.statuses.values()) == 250
    assert all(before > 0 and after > 0 for before, _, after in report.memory.values())


def test_the_command_ends_with_status_1_and_keeps_the_evidence(
    server: TorchServe,
    inference: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """A server that is only named must keep every promise, and TorchServe alone answers 500 to some forms."""
    monkeypatch.setattr(command, "BUILD", tmp_path)
    arguments = ["--url", inference, "--name", stand_in.NAME, "--management", server.management.url]
    monkeypatch.setattr("sys.argv", ["fuzz", *arguments, "--requests", "60", "--seed", "2"])
    with pytest.raises(Failure, match=r"^\d+ answers of 5xx: see build/fuzz.json"):
        command.main()
    assert "good requests harmed                        0" in capsys.readouterr().out
    document = json.loads((tmp_path / "fuzz.json").read_text())
    assert document["server_errors"] == len(list((tmp_path / "fuzz").glob("*.http"))) > 0
    assert "ErrorDataDecoderException" in (tmp_path / "fuzz" / "0.answer").read_text()
