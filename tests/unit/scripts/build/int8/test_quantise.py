"""8 bits: what is measured is right, what is too far off is refused, and what float32 computed does not change."""

import dataclasses
import json
import logging
import zipfile
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from torch import Tensor

from handler.engines import onnx_runtime
from handler.engines.choice import open_engine
from handler.manifest import ONNX_PROGRAM, Manifest, Quantisation
from handler.settings import Settings
from scripts.archives import describe
from scripts.archives.reading import read_manifest
from scripts.build import archive
from scripts.build.int8 import equalise, quantise
from scripts.build.int8.precision import Precision
from scripts.common.errors import CommandError
from tests.conftest import encoded, picture


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six photos, and a file that is none."""
    folder = tmp_path_factory.mktemp("photos")
    for index in range(6):
        image = picture(60 + index, 50).rotate(60 * index)
        (folder / f"{index}.png").write_bytes(encoded(image, "PNG"))
    (folder / "notes.txt").write_text("not a photo")
    return folder


@pytest.fixture(scope="module")
def int8_archive(tiny_directory: Path, photos: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    precision = Precision("int8", str(photos), min_agreement=0.0)
    return archive.ensure(str(tiny_directory), "", store=tmp_path_factory.mktemp("store"), precision=precision)


def run(program: onnx.ModelProto | Path, batch: np.ndarray) -> np.ndarray:
    source = program.SerializeToString() if isinstance(program, onnx.ModelProto) else program
    session = onnxruntime.InferenceSession(source, providers=["CPUExecutionProvider"])
    (answer,) = session.run(None, {session.get_inputs()[0].name: batch})
    return np.asarray(answer)


def test_equalised_channels_change_nothing_in_float32(tiny_model: Path) -> None:
    model = onnx.load(tiny_model / ONNX_PROGRAM)
    weights = {one.name: onnx.numpy_helper.to_array(one) for one in model.graph.initializer}
    first = next(node for node in model.graph.node if node.op_type == "Conv")
    uneven = weights[first.input[1]] * np.geomspace(0.01, 1, 8, dtype=np.float32)[:, None, None, None]
    next(one for one in model.graph.initializer if one.name == first.input[1]).CopyFrom(
        onnx.numpy_helper.from_array(uneven, first.input[1])
    )
    batch = np.random.default_rng(0).normal(size=(4, 3, 32, 32)).astype(np.float32)
    changed = equalise.equalise(model, [batch])
    after = {one.name: onnx.numpy_helper.to_array(one) for one in changed.graph.initializer}
    assert not np.allclose(after[first.input[1]], uneven, rtol=0.2)  # it did something
    np.testing.assert_allclose(run(changed, batch), run(model, batch), atol=1e-4, rtol=1e-3)


def test_evened_out_channels_change_nothing_in_float32(tiny_model: Path) -> None:
    model = onnx.load(tiny_model / ONNX_PROGRAM)
    batch = torch.randn(4, 3, 32, 32, generator=torch.Generator().manual_seed(0)).numpy()
    changed, scaling = equalise.even_out(model, [batch], kept=set())
    assert scaling
    before, after = (run(one, batch) for one in (model, changed))
    np.testing.assert_allclose(after, before, atol=1e-4 * float(np.abs(before).max()))
    watched = [node.input[0] for node in changed.graph.node if node.name in scaling]
    largest = equalise._largest(changed, watched, [batch])
    for name in watched:
        assert largest[name].max() == pytest.approx(1, abs=1e-3)
        assert np.median(largest[name]) == pytest.approx(1, abs=1e-3)


def test_a_layer_that_is_kept_is_not_evened_out(tiny_model: Path) -> None:
    model = onnx.load(tiny_model / ONNX_PROGRAM)
    names = {node.name for node in model.graph.node}
    changed, scaling = equalise.even_out(model, [np.zeros((1, 3, 32, 32), np.float32)], kept=names)
    assert scaling == []
    assert {node.name for node in changed.graph.node} == names


def test_the_first_layers_stay_as_they_are(tiny_model: Path) -> None:
    model = onnx.shape_inference.infer_shapes(onnx.load(tiny_model / ONNX_PROGRAM))
    names = [node.name for node in model.graph.node]
    assert list(quantise.first_layers(model, 0.0)) == []
    assert list(quantise.first_layers(model, 1.0)) == names
    some = list(quantise.first_layers(model, 0.9))
    assert some == names[: len(some)]
    assert 0 < len(some) < len(names)


def test_held_out_images_are_not_in_the_calibration_set(photos: Path) -> None:
    read = quantise.read_images(str(photos))
    assert (len(read.calibration), len(read.held_out), read.source) == (3, 3, f"6 images of {photos.name}")
    assert not any(one.equal(other) for one in read.calibration for other in read.held_out)


def test_images_of_installed_packages_are_the_default() -> None:
    read = quantise.read_images("")
    assert len(read.calibration) + len(read.held_out) == 7
    assert "installed packages" in read.source


def test_too_few_photos(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="0 images are too few"):
        quantise.read_images(str(tmp_path))


def test_inputs_are_the_photos_and_then_crops_of_them(tiny_model: Path, photos: Path) -> None:
    spec = Manifest.from_json((tiny_model / "model.json").read_text()).input
    read = quantise.read_images(str(photos)).calibration
    made = quantise.inputs(read, 9, spec)
    assert made.shape == (9, 3, 32, 32)
    assert torch.equal(made[:3], quantise.inputs(read, 3, spec))
    assert len({tuple(one.flatten().tolist()) for one in made}) == 9
    assert torch.equal(made, quantise.inputs(read, 9, spec))  # the same every time


def logits(*best: int) -> Tensor:
    """Return logits of ten classes with a confident top-1 class, a row each."""
    return 10 * torch.nn.functional.one_hot(torch.tensor(best), 10).float() + torch.linspace(0, 1, 10)


def test_what_is_measured() -> None:
    before, after = logits(1, 2, 3, 4), logits(1, 2, 3, 9)
    before[2] = torch.linspace(0, 1, 10)  # not confident; its top-1 class is 9
    found = quantise.compare(before.numpy(), after.numpy(), "4 photos", requires_vnni=False)
    assert (found.held_out, found.top_1_kept, found.confident, found.confident_top_1_kept) == (4, 0.5, 3, 0.6667)
    assert found.score_change_p95 > 0.9
    same = quantise.compare(before.numpy(), before.numpy(), "4 photos", requires_vnni=False)
    assert (same.top_1_kept, same.top_5_kept, same.score_change_mean) == (1.0, 1.0, 0.0)


def test_an_archive_in_8_bits(int8_archive: Path, tiny_archive: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(int8_archive) as file:
        file.extractall(tmp_path)
    operators = {node.op_type for node in onnx.load(tmp_path / ONNX_PROGRAM).graph.node}
    assert {"QuantizeLinear", "DequantizeLinear"} <= operators
    manifest = read_manifest(int8_archive)
    assert manifest.quantisation is not None
    assert manifest.quantisation.held_out == quantise.HELD_OUT
    assert manifest.quantisation.top_1_kept > 0.8
    assert manifest.programs["program.pt2"]  # torch keeps its float32
    engine = open_engine(manifest, tmp_path, Settings(), 1)
    assert engine.name == "onnx"
    shown = describe.manifest(read_manifest(int8_archive))
    assert "precision    program.onnx in 8 bits" in shown
    assert f"of {quantise.HELD_OUT} held-out inputs" in shown
    assert "precision    float32" in describe.manifest(read_manifest(tiny_archive))
    assert json.loads(manifest.to_json())["quantisation"]["top_1_kept"] == manifest.quantisation.top_1_kept


def test_too_little_agreement_is_refused(tiny_directory: Path, photos: Path, tmp_path: Path) -> None:
    with pytest.raises(CommandError, match=r"in 8 bits only .* keep their top-1 class, fewer than .* MIN_AGREEMENT="):
        archive.ensure(str(tiny_directory), "", store=tmp_path, precision=Precision("int8", str(photos), 1.01))
    assert list(tmp_path.iterdir()) == []


def test_another_precision_is_another_recipe(photos: Path, tmp_path: Path) -> None:
    recipes = [Precision().recipe(), Precision("int8").recipe(), Precision("int8", str(photos)).recipe()]
    (tmp_path / "one.png").write_bytes(encoded(picture(), "PNG"))
    recipes.append(Precision("int8", str(tmp_path)).recipe())
    assert recipes[0] == {}
    assert all(one != other for index, one in enumerate(recipes) for other in recipes[:index])


def test_what_cannot_be_asked_for(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="is no precision"):
        Precision("int4")
    with pytest.raises(CommandError, match="there is no folder"):
        Precision("int8", str(tmp_path / "none"))


def test_the_environment_says_how(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("PRECISION", "CALIBRATION", "MIN_AGREEMENT"):
        monkeypatch.setenv(name, "")  # as the Makefile passes what nobody named
    assert Precision.of_environment() == Precision("float32", "", 0.9)
    monkeypatch.setenv("PRECISION", "int8")
    monkeypatch.setenv("CALIBRATION", str(tmp_path))
    monkeypatch.setenv("MIN_AGREEMENT", "0.8")
    assert Precision.of_environment() == Precision("int8", str(tmp_path), 0.8)
    monkeypatch.setenv("MIN_AGREEMENT", "most")
    with pytest.raises(CommandError, match="a number from 0 to 1"):
        Precision.of_environment()


@pytest.mark.parametrize("has", [True, False])
def test_what_was_made_for_vnni_is_not_run_without_it(
    int8_archive: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, has: bool
) -> None:
    with zipfile.ZipFile(int8_archive) as file:
        file.extractall(tmp_path)
    manifest = read_manifest(int8_archive)
    assert isinstance(manifest.quantisation, Quantisation)
    quantisation = dataclasses.replace(manifest.quantisation, requires_vnni=True)
    monkeypatch.setattr(onnx_runtime, "has_vnni", lambda: has)
    with caplog.at_level(logging.WARNING):
        engine = open_engine(dataclasses.replace(manifest, quantisation=quantisation), tmp_path, Settings(), 1)
    assert engine.name == ("onnx" if has else "torch")
    assert ("quantised for CPUs with VNNI" in caplog.text) is not has
