"""What a rollout remembers for the way back."""

from pathlib import Path

import pytest

from scripts import history
from scripts.failure import Failure


def test_the_last_one_of_each_model_and_server_is_remembered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(history, "FILE", tmp_path / "build" / "rollouts.json")
    for url, name, archive in (("a", "m", "1.mar"), ("a", "n", "n.mar"), ("b", "m", "b.mar"), ("a", "m", "2.mar")):
        history.remember(url, name, archive)
    assert [history.replaced(*key) for key in (("a", "m"), ("a", "n"), ("b", "m"))] == ["2.mar", "n.mar", "b.mar"]
    with pytest.raises(Failure, match="no rollout of n at b was made from here: name the archive to go back to"):
        history.replaced("b", "n")
