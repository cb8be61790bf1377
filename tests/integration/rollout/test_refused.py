"""Rollouts that fail or are refused leave the old version serving alone."""

import re
from pathlib import Path

import pytest

from scripts.client.management import Management
from scripts.rollout import history
from tests.integration.rollout.conftest import Command, Served


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (["unloadable.mar"], r"a worker of \S+ 5.0 ended while loading"),
        (["failing.mar"], r"\S+/6.0 does not predict"),
        (["different.mar", "--max-differ", "1"], "more than 1 images have another top-1 class: a.png, b.png"),
    ],
)
def test_a_bad_version_is_rolled_back(served: Served, command: Command, words: list[str], reason: str) -> None:
    before = served.registered()
    with served.load(clients=2) as running:
        result = command.start(*words)
        running.wait_for(running.counts()["200"] + 20)
    assert set(running.counts()) == {"200"}, running.counts()
    assert result.exit_code == 1
    assert re.search(f"^error: .*({reason})", result.stderr, re.MULTILINE), result.stderr
    assert served.registered() == before


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["start", "nowhere.mar"], "status 404): Model not found"),
        (["start", "1.mar", "--canary", "10"], "--canary needs the gateway"),
        (["start", "1.mar", "--canary", "100"], "100 is not in the range 1<=x<=99"),
        (["start", "1.mar", "--images", "EMPTY"], "is empty: name a folder with images"),
        (["start", "1.mar", "--images", "NOWHERE"], "there is no folder"),
        (["back", "unknown"], "name the archive to go back to"),
    ],
)
def test_wrong_arguments(served: Served, command: Command, tmp_path: Path, words: list[str], message: str) -> None:
    before = served.registered()
    (tmp_path / "EMPTY").mkdir()
    paths = {"EMPTY": str(tmp_path / "EMPTY"), "NOWHERE": str(tmp_path / "none")}
    result = command.run(*(paths.get(word, word) for word in words))
    assert result.exit_code in (1, 2)
    assert message in result.stderr
    assert served.registered() == before


def test_archive_that_is_not_allowed(served: Served, command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    before = served.registered()
    monkeypatch.setenv("ALLOWED_SHA256", "0" * 64)
    result = command.run("start", "2.mar", "--store", str(served.server.store))
    assert result.exit_code == 1
    assert "2.mar has SHA-256 " in result.stderr
    assert served.registered() == before


def test_version_that_serves_already(served: Served, command: Command) -> None:
    before = served.registered()
    result = command.start("1.mar")
    assert result.exit_code == 1
    assert "serves already" in result.stderr
    assert served.registered() == before


def test_version_registered_before_the_command_stays(
    served: Served, command: Command, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """As with an image that brings two versions, between which no rollout has switched."""
    monkeypatch.setattr(history, "FILE", tmp_path / "none.json")
    other = served.management.register("different.mar")
    try:
        before = served.registered()
        assert before[1] == ["1.0", "7.0"]
        for archive, message in (("1.mar", "serves already"), ("different.mar", "more than 1 images")):
            result = command.start(archive, "--max-differ", "1")
            assert result.exit_code == 1
            assert message in result.stderr
            assert served.registered() == before, archive
    finally:
        served.management.unregister(*other)


def test_interrupted_registration_leaves_nothing_registered(
    served: Served, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    before, add = served.registered(), Management.add

    def interrupted(management: Management, archive: str) -> None:
        add(management, archive)
        raise KeyboardInterrupt

    monkeypatch.setattr(Management, "add", interrupted)
    assert command.start("different.mar").exit_code == 130
    assert served.registered() == before


def test_way_back_to_an_archive_that_holds_another_version(served: Served, command: Command) -> None:
    before = served.registered()
    history.remember(served.management.url, served.name, history.Replaced("different.mar", "0.9", before[0]))
    result = command.run("back", served.name)
    assert result.exit_code == 1
    assert "different.mar holds " in result.stderr
    assert served.registered() == before
