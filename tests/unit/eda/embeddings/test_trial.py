"""The trial's command line."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from eda.embeddings.trial.__main__ import main
from eda.embeddings.trial.copies import ALTERATIONS, held_out_figures
from eda.embeddings.trial.cuts import best_cut, precision_and_recall
from tests.unit.eda.features import drawn_photo
from tests.unit.eda.folder import CocoFolder


def test_trial_of_a_folder(coco: CocoFolder, tiny_archive: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--data", str(coco.path), "--archive", str(tiny_archive)]) == 0
    figures = json.loads(capsys.readouterr().out)["swapped labels"]
    assert figures["boxes"] == 8
    assert figures["flagged"] == 0


def test_trial_without_an_archive(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--archive", str(tmp_path / "none.mar")]) == 1
    assert "none.mar is no whole archive" in capsys.readouterr().err


def test_trial_of_two_folders_of_photos(
    tmp_path: Path, tiny_archive: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    kept = {name: ALTERATIONS[name] for name in ("mirrored", "half as large")}
    monkeypatch.setattr("eda.embeddings.trial.__main__.ALTERATIONS", kept)
    for folder, seeds in (("a", range(5)), ("b", range(5, 10))):
        (tmp_path / folder).mkdir()
        for seed in seeds:
            (tmp_path / folder / f"{seed}.jpg").write_bytes(drawn_photo(seed))
    assert main(["--photos", "a", "b", "--archive", str(tiny_archive)]) == 0
    figures = json.loads(capsys.readouterr().out)
    assert figures["altered copies"]["a"]["half as large"]["hash recall"] == 1
    assert figures["altered copies"]["b"]["mirrored"]["recall"] >= 0.8
    assert set(figures["held-out"]) == {"a", "b"}
    assert figures["held-out"]["a"]["precision"] == 1


def test_best_cut_is_the_middle_of_those_that_separate() -> None:
    values, planted = np.array([0.1, 0.3, 0.7, 0.9]), np.array([False, False, True, True])
    assert best_cut(values, planted) == pytest.approx(0.5, abs=0.02)
    assert precision_and_recall(values, planted, 0.5) == (1, 1)
    assert precision_and_recall(values, planted, 0.8) == (1, 0.5)
    assert precision_and_recall(values, planted, 0.2) == pytest.approx((2 / 3, 1))
    assert precision_and_recall(values, planted, 0.95) == (1, 0)


def test_a_folder_is_judged_by_the_cut_of_the_others() -> None:
    def table(correlations: list[float]) -> dict[str, pd.DataFrame]:
        planted = [True, True, False, False]
        return {"mirrored": pd.DataFrame({"planted": planted, "hashed": False, "correlation": correlations})}

    held_out = held_out_figures({"a": table([0.9, 0.8, 0.4, 0.2]), "b": table([0.7, 0.5, 0.3, 0.3])})
    assert held_out["a"]["correlation"] == pytest.approx(0.4, abs=0.02)
    assert held_out["a"]["recall"] == 1
    assert held_out["b"]["correlation"] == pytest.approx(0.6, abs=0.02)
    assert held_out["b"]["recall"] == 0.5
    assert held_out_figures({"a": table([0.9, 0.8, 0.4, 0.2])}) == {}
