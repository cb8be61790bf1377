"""What a rollout records, so that it can be reverted."""

from pathlib import Path

import pytest

from scripts.common.errors import CommandError
from scripts.rollout import history


def test_last_rollout_of_each_model_and_server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(history, "FILE", tmp_path / "build" / "rollouts.json")
    one, other, third, later = (history.Replaced(f"{name}.mar", f"{name}.0", "9.0") for name in "1nb2")
    for url, name, replaced in (("a", "m", one), ("a", "n", other), ("b", "m", third), ("a", "m", later)):
        history.remember(url, name, replaced)
    assert [history.last(*key) for key in (("a", "m"), ("a", "n"), ("b", "m"))] == [later, other, third]
    with pytest.raises(CommandError, match="no rollout of n at b was made from here: name the archive to go back to"):
        history.last("b", "n")


def test_file_of_an_older_release(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(history, "FILE", tmp_path / "rollouts.json")
    history.FILE.write_text('{"a": {"m": "1.mar"}}')
    with pytest.raises(CommandError, match="name the archive to go back to"):
        history.last("a", "m")
