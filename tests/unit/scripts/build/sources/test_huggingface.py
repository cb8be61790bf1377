"""Directories that cannot be built are told apart before anything is built; what can be is read and not assumed."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from handler.manifest import InputSpec
from scripts.build.sources import huggingface
from scripts.common.errors import CommandError


@pytest.fixture
def directory(tiny_directory: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(tiny_directory, tmp_path / "my-model"))


def edit(path: Path, change: Callable[[dict[str, object]], object]) -> None:
    document = json.loads(path.read_text())
    change(document)
    path.write_text(json.dumps(document))


def test_origin_of_a_directory(directory: Path) -> None:
    origin = huggingface.origin_of_directory(directory, "")
    assert (origin.name, origin.source, origin.licence) == ("my-model", "directory my-model", "unknown")
    assert huggingface.origin_of_directory(directory, "cats-1.0").name == "cats-1.0"
    (directory / "LICENSE.txt").write_text("mine")
    assert huggingface.origin_of_directory(directory, "").licence == "see LICENSE.txt"
    (directory / "README.md").write_text("---\nlicense: mit\n---\n")
    assert huggingface.origin_of_directory(directory, "").licence == "mit"


@pytest.mark.parametrize("name", ["a b", "../x", "-x", "ü", "x" * 65, "a/b"])
def test_a_name_that_cannot_be_served(directory: Path, name: str) -> None:
    with pytest.raises(CommandError, match="cannot be a served name"):
        huggingface.origin_of_directory(directory, name)


def test_no_directory(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="is no directory: name a Hugging Face model directory"):
        huggingface.check(tmp_path / "nowhere")


@pytest.mark.parametrize("name", ["config.json", "preprocessor_config.json"])
def test_a_missing_or_broken_file(directory: Path, name: str) -> None:
    (directory / name).write_text("{broken")
    with pytest.raises(CommandError, match="is not JSON"):
        huggingface.check(directory)
    (directory / name).write_text("[]")
    with pytest.raises(CommandError, match="is no JSON object"):
        huggingface.check(directory)
    (directory / name).unlink()
    with pytest.raises(CommandError, match=f"has no {name}"):
        huggingface.check(directory)


def test_only_pickles(directory: Path) -> None:
    (directory / "model.safetensors").rename(directory / "pytorch_model.bin")
    with pytest.raises(CommandError, match=r"only pickles \(pytorch_model\.bin\), which can run code"):
        huggingface.check(directory)


def test_no_weights(directory: Path) -> None:
    (directory / "model.safetensors").unlink()
    with pytest.raises(CommandError, match="and has none"):
        huggingface.check(directory)


@pytest.mark.parametrize("labels", [None, {}, {"1": "a", "2": "b"}, {"0": "a", "2": "b"}, ["a"]])
def test_no_whole_label_map(directory: Path, labels: object) -> None:
    edit(directory / "config.json", lambda config: config.update(id2label=labels))
    with pytest.raises(CommandError, match="no complete label map"):
        huggingface.check(directory)


def test_another_kind_of_model(directory: Path) -> None:
    edit(directory / "config.json", lambda config: config.update(architectures=["BertModel"]))
    with pytest.raises(CommandError, match="holds BertModel, not an image classifier"):
        huggingface.check(directory)


def test_weights_of_another_shape(directory: Path) -> None:
    edit(directory / "config.json", lambda config: config.update(hidden_sizes=[8, 24]))
    with pytest.raises(CommandError, match="do not fit its config"):
        huggingface.load(directory)


def test_weights_that_are_cut_off(directory: Path) -> None:
    weights = directory / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-100])
    with pytest.raises(CommandError, match="are its files whole"):
        huggingface.load(directory)


def test_labels_of_another_model(directory: Path) -> None:
    edit(directory / "config.json", lambda config: config.update(id2label={"0": "a"}, num_labels=1))
    with pytest.raises(CommandError, match=r"do not fit its config.* mismatched keys"):
        huggingface.load(directory)


def test_a_processor_of_an_unknown_kind(directory: Path) -> None:
    edit(directory / "preprocessor_config.json", lambda config: config.update(image_processor_type="Nobody"))
    with pytest.raises(CommandError, match="are its files whole"):
        huggingface.load(directory)


def test_what_is_read_is_what_the_files_say(directory: Path) -> None:
    edit(directory / "preprocessor_config.json", lambda config: config.update(image_mean=[0.1, 0.2, 0.3], resample=2))
    model = huggingface.load(directory)
    assert model.input.resize == {"shortest_edge": 36}  # 32 / 0.875
    assert model.input.crop == (32, 32)
    assert (model.input.interpolation, model.input.mean) == ("bilinear", (0.1, 0.2, 0.3))
    assert model.labels == (*(f"class {index}" for index in range(9)), "class 8")
    with torch.inference_mode():
        assert model.network(torch.zeros(2, 3, 32, 32)).shape == (2, 10)


def test_processors_of_other_architectures() -> None:
    from transformers import CLIPImageProcessor, ConvNextImageProcessor, ViTImageProcessor

    vit = huggingface.input_spec(ViTImageProcessor(size={"height": 48, "width": 64}))
    assert (vit.resize, vit.crop, vit.size) == ({"height": 48, "width": 64}, None, (48, 64))
    clip = huggingface.input_spec(CLIPImageProcessor(size={"shortest_edge": 40}, crop_size={"height": 32, "width": 32}))
    assert (clip.resize, clip.crop) == ({"shortest_edge": 40}, (32, 32))
    large = huggingface.input_spec(ConvNextImageProcessor(size={"shortest_edge": 384}))
    assert (large.resize, large.crop) == ({"height": 384, "width": 384}, None)
    plain = huggingface.input_spec(ViTImageProcessor(do_normalize=False, do_rescale=False))
    assert isinstance(plain, InputSpec)
    assert (plain.rescale, plain.mean, plain.std) == (1.0, (0.0, 0.0, 0.0), (1.0, 1.0, 1.0))


def test_a_processor_that_the_manifest_cannot_say() -> None:
    from transformers import ViTImageProcessor

    with pytest.raises(CommandError, match="resizes in a way that is not known here"):
        huggingface.input_spec(ViTImageProcessor(do_resize=False))
