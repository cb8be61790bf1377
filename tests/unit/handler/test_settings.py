"""The handler's settings, and how CPUs are shared."""

import pytest

from handler import settings
from handler.settings import Settings, threads_per_worker


def test_defaults_and_values() -> None:
    assert Settings.from_model_config({}) == Settings()
    assert Settings.from_model_config({"handler": None, "minWorkers": 2}) == Settings()
    assert Settings.from_model_config({"handler": {"engine": "torch", "threads": 3}}) == Settings(
        engine="torch", threads=3
    )


@pytest.mark.parametrize(
    ("name", "value", "choices"),
    [
        ("large_jpegs", "scaled", "exact or scaled"),
        ("engine", "openvino", "auto, onnx, openvino or torch"),
        ("precision", "bfloat16", "auto, float32 or bfloat16"),
    ],
)
def test_a_choice(name: str, value: str, choices: str) -> None:
    assert getattr(Settings.from_model_config({"handler": {name: value}}), name) == value
    with pytest.raises(ValueError, match=f"handler.{name} is 'fast': set {choices}"):
        Settings.from_model_config({"handler": {name: "fast"}})


@pytest.mark.parametrize("window", [0, 100, 5000])
def test_a_window(window: int) -> None:
    assert Settings(drift_window=window).drift_window == window


@pytest.mark.parametrize("window", [-1, 1, 99, 100.0, "500", True])
def test_no_window(window: object) -> None:
    with pytest.raises(ValueError, match=r"handler.drift_window is .*: set 0 or a whole number of at least 100"):
        Settings(drift_window=window)  # type: ignore[arg-type]


@pytest.mark.parametrize(("cpus", "workers", "threads"), [(2, 1, 2), (2, 2, 1), (8, 3, 2), (2, 5, 1), (2, 0, 2)])
def test_workers_share_the_cpus(monkeypatch: pytest.MonkeyPatch, cpus: int, workers: int, threads: int) -> None:
    monkeypatch.setattr(settings, "cpus", lambda: cpus)
    assert threads_per_worker(Settings(), workers) == threads
    assert threads_per_worker(Settings(threads=7), workers) == 7
