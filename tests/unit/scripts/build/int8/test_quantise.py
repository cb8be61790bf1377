"""8 bits: what is measured is right, what is too far off is refused, and what float32 computed does not change."""

import dataclasses
import logging
import zipfile
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import torch

from handler.engines import engine
from handler.engines.choice import open_engine
from handler.manifest import LOGITS, ONNX_PROGRAM
from handler.settings import Settings
from scripts.archives import describe
from scripts.archives.reading import read_manifest
from scripts.build import archive
from scripts.build import program as build
from scripts.build.int8 import equalise, quantise
from scripts.build.precision import Precision
from scripts.build.sample_images import read_images
from scripts.build.sources import local
from scripts.common.errors import CommandError
from tests.tiny_models import save


@pytest.fixture(scope="module")
def int8_archive(tiny_directory: Path, photos: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    precision = Precision("int8", str(photos), min_agreement=0.0)
    return archive.ensure(str(tiny_directory), "", store=tmp_path_factory.mktemp("store"), precision=precision)


def run(program: onnx.ModelProto | Path, batch: np.ndarray) -> np.ndarray:
    source = program.SerializeToString() if isinstance(program, onnx.ModelProto) else program
    session = onnxruntime.InferenceSession(source, providers=["CPUExecutionProvider"])
    (answer,) = session.run([LOGITS], {session.get_inputs()[0].name: batch})
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


def test_an_archive_in_8_bits(int8_archive: Path, tiny_archive: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(int8_archive) as file:
        file.extractall(tmp_path)
    operators = {node.op_type for node in onnx.load(tmp_path / ONNX_PROGRAM).graph.node}
    assert {"QuantizeLinear", "DequantizeLinear"} <= operators
    manifest = read_manifest(int8_archive)
    assert manifest.precision == "int8"
    assert [(found.engine, found.precision) for found in manifest.agreement] == [("onnx", "int8"), ("openvino", "int8")]
    for found in manifest.agreement:
        assert found.held_out == quantise.HELD_OUT
        assert found.top_1_kept > 0.8
    assert manifest.programs["program.pt2"]  # torch keeps its float32
    shown = describe.manifest(manifest)
    assert "precision             program.onnx in 8 bits" in shown
    assert shown.count(f"of {quantise.HELD_OUT} held-out inputs") == 2
    assert "precision             float32" in describe.manifest(read_manifest(tiny_archive))


@pytest.mark.parametrize("name", ["PoolFormer", "ViT"])
def test_attention_and_normalisations_stay_in_float32(
    name: str, photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(quantise, "HELD_OUT", 16)
    monkeypatch.setattr(quantise, "CALIBRATION", 16)
    save(f"{name}ForImageClassification", tmp_path)
    model = local.load(tmp_path)
    build.export(model, tmp_path)
    build.prove(model, tmp_path)
    measured = quantise.quantise(tmp_path / ONNX_PROGRAM, read_images(str(photos)), model, 0.0)
    assert [found.engine for found in measured] == ["onnx", "openvino"]
    nodes = list(onnx.load(tmp_path / ONNX_PROGRAM).graph.node)
    makers = {output: node.op_type for node in nodes for output in node.output}
    kept = ("InstanceNormalization", "LayerNormalization", "Softmax")
    operators = {node.op_type for node in nodes}
    assert operators & set(kept)
    assert "QuantizeLinear" in operators
    for node in nodes:  # nothing is quantised for them: their parameters are not, and no product of attention is
        if node.op_type in kept:
            assert "DequantizeLinear" not in {makers.get(name) for name in node.input[1:]}
        if node.op_type == "Softmax":
            assert makers[node.input[0]] != "DequantizeLinear"


def test_both_engines_pass_the_proof_of_an_archive_in_8_bits(int8_archive: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(int8_archive) as file:
        file.extractall(tmp_path)
    choice = open_engine(read_manifest(int8_archive), tmp_path, Settings(), 1)
    assert [str(trial.candidate) for trial in choice.trials] == ["onnx in int8", "openvino in int8"]
    assert [trial.problem for trial in choice.trials] == [None, None]
    assert choice.engine.precision == "int8"


def test_too_little_agreement_is_refused(tiny_directory: Path, photos: Path, tmp_path: Path) -> None:
    with pytest.raises(CommandError, match=r"in 8 bits only .* keep their top-1 class, fewer than .* MIN_AGREEMENT="):
        archive.ensure(str(tiny_directory), "", store=tmp_path, precision=Precision("int8", str(photos), 1.01))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("has", [True, False])
def test_what_was_made_for_vnni_is_not_run_without_it(
    int8_archive: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, has: bool
) -> None:
    with zipfile.ZipFile(int8_archive) as file:
        file.extractall(tmp_path)
    manifest = dataclasses.replace(read_manifest(int8_archive), requires_vnni=True)
    monkeypatch.setattr(engine, "has_vnni", lambda: has)
    with caplog.at_level(logging.WARNING):
        choice = open_engine(manifest, tmp_path, Settings(), 1)
    assert choice.engine.precision == ("int8" if has else "float32")
    assert ("quantised for CPUs with VNNI" in caplog.text) is not has
