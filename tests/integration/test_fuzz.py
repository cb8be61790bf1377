"""A short slice of `make fuzz` on the server that all tests share, and the command itself."""

import json
from pathlib import Path

import pytest

from scripts.build.sources import fallback
from scripts.cli.measure import fuzz
from scripts.common.errors import CommandError
from scripts.fuzz import fuzz as command
from scripts.fuzz.attack import FRONTEND_ERRORS, Report
from scripts.server.torchserve import TorchServe


def test_slice_of_the_corpus(server: TorchServe) -> None:
    report = command.fuzz(command.local(server, fallback.NAME), requests=250, seed=2)
    assert report.failures() == [], [(request.data[:300], response) for request, response in report.server_errors]
    assert report.valid == 50
    assert sum(counts.total() for counts in report.statuses.values()) == 250
    assert all(before > 0 and after > 0 for before, _, after in report.memory.values())


def test_slice_of_the_calls_over_grpc(server: TorchServe) -> None:
    report = Report()
    command.fuzz_grpc(server, fallback.NAME, report, requests=250, seed=2)
    assert report.failures() == [], [(request.data[:300], outcome) for request, outcome in report.server_errors]
    counts = report.statuses["gRPC"]
    assert counts.total() == 250
    assert {200, 400, 404} <= set(counts)


def test_the_command_ends_with_status_1_and_keeps_the_evidence(
    server: TorchServe,
    inference: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """At a server that is only named, TorchServe's own 500s for some forms count as failures."""
    monkeypatch.setattr(command, "BUILD", tmp_path)
    arguments = ["--url", inference, "--name", fallback.NAME, "--management", server.management.url]
    with pytest.raises(CommandError, match=r"^\d+ responses 5xx: see build/fuzz.json"):
        fuzz([*arguments, "--requests", "60", "--seed", "2"], standalone_mode=False)
    assert "valid requests affected                     0" in capsys.readouterr().out
    document = json.loads((tmp_path / "fuzz.json").read_text())
    assert document["server_errors"] == len(list((tmp_path / "fuzz").glob("*.http"))) > 0
    response = (tmp_path / "fuzz" / "0.response").read_text()
    assert any(name in response for name in FRONTEND_ERRORS), response
