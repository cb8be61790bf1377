"""A short slice of `make fuzz` on the server that all tests share, and the command itself."""

import json
from pathlib import Path

import pytest

from scripts.build.sources import fallback
from scripts.cli.measure import fuzz
from scripts.common.errors import CommandError
from scripts.fuzz import fuzz as command
from scripts.server.torchserve import TorchServe


def test_a_slice_of_the_corpus_breaks_no_promise(server: TorchServe) -> None:
    report = command.fuzz(command.local(server, fallback.NAME), requests=250, seed=2)
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
    arguments = ["--url", inference, "--name", fallback.NAME, "--management", server.management.url]
    with pytest.raises(CommandError, match=r"^\d+ answers of 5xx: see build/fuzz.json"):
        fuzz([*arguments, "--requests", "60", "--seed", "2"], standalone_mode=False)
    assert "good requests harmed                        0" in capsys.readouterr().out
    document = json.loads((tmp_path / "fuzz.json").read_text())
    assert document["server_errors"] == len(list((tmp_path / "fuzz").glob("*.http"))) > 0
    assert "ErrorDataDecoderException" in (tmp_path / "fuzz" / "0.answer").read_text()
