"""The handler's settings, and how CPUs are shared."""

import os

import pytest

from handler.settings import Settings, threads_per_worker


def test_defaults_and_values() -> None:
    assert Settings.from_model_config({}) == Settings()
    assert Settings.from_model_config({"handler": None, "minWorkers": 2}) == Settings()
    assert Settings.from_model_config({"handler": {"engine": "torch", "threads": 3}}) == Settings("torch", 3)


def test_large_jpegs_is_one_of_two() -> None:
    assert Settings.from_model_config({"handler": {"large_jpegs": "scaled"}}).large_jpegs == "scaled"
    with pytest.raises(ValueError, match="set exact or scaled"):
        Settings.from_model_config({"handler": {"large_jpegs": "fast"}})


@pytest.mark.parametrize(("cpus", "workers", "threads"), [(2, 1, 2), (2, 2, 1), (8, 3, 2), (2, 5, 1), (2, 0, 2)])
def test_workers_share_the_cpus(monkeypatch: pytest.MonkeyPatch, cpus: int, workers: int, threads: int) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(cpus)))
    assert threads_per_worker(Settings(), workers) == threads
    assert threads_per_worker(Settings(threads=7), workers) == 7
