"""The handler of an archive with a reference, with TorchServe's own context and metrics."""

import logging
import re
import shutil
import zipfile
from pathlib import Path

import pytest

from handler.classifier import ImageClassifier
from handler.manifest import REFERENCE
from tests.scenes import scene
from tests.unit.handler.batches import handled, loaded, new_context

BATCH = 8
UNCHANGED, DARK = 1.0, 0.1


@pytest.fixture(scope="module")
def model(archive_with_reference: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The unpacked archive."""
    directory = tmp_path_factory.mktemp("unpacked")
    with zipfile.ZipFile(archive_with_reference) as file:
        file.extractall(directory)
    return directory


def exported(
    model: Path, caplog: pytest.LogCaptureFixture, light: float, count: int = 120, window: int = 100
) -> dict[str, float]:
    """Return the last value of each gauge of drift, by name and label, after so many images."""
    context = new_context(model, {"handler": {"drift_window": window}})
    handler = loaded(context)
    caplog.clear()
    with caplog.at_level(logging.INFO, logger="ts.metrics.caching_metric"):
        for start in range(0, count, BATCH):
            images = [scene(1000 + start + index, light) for index in range(BATCH)]
            responses = handled(handler, context, *(({"body": image}, {}) for image in images))
            assert {status for status, _, _ in responses} == {200}
    lines = re.findall(r"classifier_drift_(\w+)\.\w+:([\d.e+-]+)\|#model_name:tiny-resnet(?:,of:(\w+))?\|", caplog.text)
    return {f"{name} {of}".strip(): float(value) for name, value, of in lines}


def test_unchanged_images_are_quiet(model: Path, caplog: pytest.LogCaptureFixture) -> None:
    found = exported(model, caplog, UNCHANGED)
    assert (found["window_images"], found["reference_images"]) == (100, 240)
    ratios = {name: value for name, value in found.items() if name.startswith("ratio")}
    assert set(ratios) == {"ratio classes", "ratio confidence", "ratio features"}
    assert max(ratios.values()) < 1
    assert {"psi classes", "psi confidence", "frechet_distance"} <= set(found)


def test_dark_images_raise_the_distance_of_features(model: Path, caplog: pytest.LogCaptureFixture) -> None:
    quiet = exported(model, caplog, UNCHANGED)
    found = exported(model, caplog, DARK)
    assert found["ratio features"] > 1.5
    assert found["frechet_distance"] > 5 * quiet["frechet_distance"]


def test_without_a_reference_nothing_is_exported(tiny_model: Path, caplog: pytest.LogCaptureFixture) -> None:
    assert exported(tiny_model, caplog, DARK) == {}


def test_a_window_of_0_images_exports_nothing(model: Path, caplog: pytest.LogCaptureFixture) -> None:
    assert exported(model, caplog, DARK, window=0) == {}


def test_predictions_are_the_same_with_and_without(model: Path) -> None:
    bodies = []
    for window in (0, 100):
        context = new_context(model, {"handler": {"drift_window": window}})
        bodies.append(handled(loaded(context), context, ({"body": scene(0)}, {})))
    assert bodies[0] == bodies[1]


@pytest.mark.parametrize("damage", ["changed", "missing"])
def test_a_damaged_reference_is_refused(model: Path, tmp_path: Path, damage: str) -> None:
    directory = Path(shutil.copytree(model, tmp_path / "damaged"))
    if damage == "missing":
        (directory / REFERENCE).unlink()
    else:
        with (directory / REFERENCE).open("ab") as file:
            file.write(b"\0")
    with pytest.raises(RuntimeError, match=f"{REFERENCE} is"):
        ImageClassifier().initialize(new_context(directory))
