"""Hugging Face directories: which are rejected before a build, and what is read from the others."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from transformers import CLIPImageProcessor, ConvNextImageProcessor, ViTImageProcessor

from scripts.build.sources import local, processor
from scripts.common.errors import CommandError


@pytest.fixture
def directory(tiny_directory: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(tiny_directory, tmp_path / "my-model"))


def edit(path: Path, change: Callable[[dict[str, object]], object]) -> None:
    document = json.loads(path.read_text())
    change(document)
    path.write_text(json.dumps(document))


def test_origin_of_directory(directory: Path) -> None:
    origin = local.origin_of_directory(directory, "")
    assert (origin.name, origin.source, origin.licence) == ("my-model", "directory my-model", "unknown")
    assert local.origin_of_directory(directory, "cats-1.0").name == "cats-1.0"


def test_licence(directory: Path) -> None:
    (directory / "LICENSE.txt").write_text("mine")
    assert local.origin_of_directory(directory, "").licence == "see LICENSE.txt"
    (directory / "README.md").write_text("---\nlicense: mit\n---\n")
    assert local.origin_of_directory(directory, "").licence == "mit"


@pytest.mark.parametrize("name", ["a b", "../x", "-x", "ü", "x" * 65, "a/b"])
def test_invalid_served_name(directory: Path, name: str) -> None:
    with pytest.raises(CommandError, match="cannot be a served name"):
        local.origin_of_directory(directory, name)


def test_no_directory(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="is not a directory: name a Hugging Face model directory"):
        local.check(tmp_path / "nowhere")


@pytest.mark.parametrize("name", ["config.json", "preprocessor_config.json"])
@pytest.mark.parametrize(("text", "sentence"), [("{broken", "is not JSON"), ("[]", "is not a JSON object")])
def test_broken_file(directory: Path, name: str, text: str, sentence: str) -> None:
    (directory / name).write_text(text)
    with pytest.raises(CommandError, match=sentence):
        local.check(directory)


@pytest.mark.parametrize("name", ["config.json", "preprocessor_config.json"])
def test_missing_file(directory: Path, name: str) -> None:
    (directory / name).unlink()
    with pytest.raises(CommandError, match=f"has no {name}"):
        local.check(directory)


def test_only_pickles(directory: Path) -> None:
    (directory / "model.safetensors").rename(directory / "pytorch_model.bin")
    with pytest.raises(CommandError, match=r"only pickles \(pytorch_model\.bin\), which can run code"):
        local.check(directory)


def test_no_weights(directory: Path) -> None:
    (directory / "model.safetensors").unlink()
    with pytest.raises(CommandError, match="and has none"):
        local.check(directory)


@pytest.mark.parametrize("labels", [None, {}, {"1": "a", "2": "b"}, {"0": "a", "2": "b"}, ["a"]])
def test_incomplete_label_map(directory: Path, labels: object) -> None:
    edit(directory / "config.json", lambda config: config.update(id2label=labels))
    with pytest.raises(CommandError, match="no complete label map"):
        local.check(directory)


def test_not_an_image_classifier(directory: Path) -> None:
    edit(directory / "config.json", lambda config: config.update(architectures=["BertModel"]))
    with pytest.raises(CommandError, match="holds BertModel, not an image classifier"):
        local.check(directory)


def test_weights_of_another_shape(directory: Path) -> None:
    edit(directory / "config.json", lambda config: config.update(hidden_sizes=[8, 24]))
    with pytest.raises(CommandError, match="do not fit its config"):
        local.load(directory)


def test_truncated_weights(directory: Path) -> None:
    weights = directory / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-100])
    with pytest.raises(CommandError, match="are its files complete"):
        local.load(directory)


def test_labels_of_another_model(directory: Path) -> None:
    edit(directory / "config.json", lambda config: config.update(id2label={"0": "a"}, num_labels=1))
    with pytest.raises(CommandError, match=r"do not fit its config.* mismatched keys"):
        local.load(directory)


def test_unknown_processor(directory: Path) -> None:
    edit(directory / "preprocessor_config.json", lambda config: config.update(image_processor_type="Nobody"))
    with pytest.raises(CommandError, match="are its files complete"):
        local.load(directory)


def test_load(directory: Path) -> None:
    edit(directory / "preprocessor_config.json", lambda config: config.update(image_mean=[0.1, 0.2, 0.3], resample=2))
    model = local.load(directory)
    assert model.input.resize == {"shortest_edge": 36}  # 32 / 0.875
    assert model.input.crop == (32, 32)
    assert (model.input.interpolation, model.input.mean) == ("bilinear", (0.1, 0.2, 0.3))
    assert model.labels == (*(f"class {index}" for index in range(9)), "class 8")
    with torch.inference_mode():
        assert model.network(torch.zeros(2, 3, 32, 32)).shape == (2, 10)


def test_input_spec_of_vit() -> None:
    spec = processor.input_spec(ViTImageProcessor(size={"height": 48, "width": 64}))
    assert (spec.resize, spec.crop, spec.size) == ({"height": 48, "width": 64}, None, (48, 64))


def test_input_spec_of_clip() -> None:
    spec = processor.input_spec(CLIPImageProcessor(size={"shortest_edge": 40}, crop_size={"height": 32, "width": 32}))
    assert (spec.resize, spec.crop) == ({"shortest_edge": 40}, (32, 32))


def test_input_spec_of_large_convnext() -> None:
    spec = processor.input_spec(ConvNextImageProcessor(size={"shortest_edge": 384}))
    assert (spec.resize, spec.crop) == ({"height": 384, "width": 384}, None)


def test_input_spec_without_normalisation() -> None:
    spec = processor.input_spec(ViTImageProcessor(do_normalize=False, do_rescale=False))
    assert (spec.rescale, spec.mean, spec.std) == (1.0, (0.0, 0.0, 0.0), (1.0, 1.0, 1.0))


def test_unsupported_resizing() -> None:
    with pytest.raises(CommandError, match="resizes in a way that is not supported"):
        processor.input_spec(ViTImageProcessor(do_resize=False))
