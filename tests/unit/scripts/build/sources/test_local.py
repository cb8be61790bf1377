"""Hugging Face directories: which are rejected before a build, and what is read from the others."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import CLIPImageProcessor, ConvNextImageProcessor, ViTImageProcessor

from scripts.build.sources import local, processor
from scripts.common.errors import CommandError
from tests.tiny_models import CLASSES, SIZE, save


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


@pytest.mark.parametrize(
    ("front_matter", "licence"),
    [
        ("license: apache-2.0", "apache-2.0"),
        ('license: "mit"', "mit"),
        ("license: 'mit'  # a comment", "mit"),
        ("license: [mit, apache-2.0]", "mit, apache-2.0"),
        ("license:\n- mit\n- cc-by-4.0\ntags:\n- vision", "mit, cc-by-4.0"),
        ("tags:\n- vision\nlicense: Apache-2.0", "Apache-2.0"),
        ("License: MIT", "MIT"),
        ("license:\ntags:\n- vision", "unknown"),
        ("license: []", "unknown"),
        ("license: ''", "unknown"),
        ("license: [broken", "unknown"),
        ("- a list", "unknown"),
    ],
)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "latin-1"])
def test_licence_of_a_model_card(directory: Path, front_matter: str, licence: str, encoding: str) -> None:
    card = f"---\nlanguage: fr\n{front_matter}\n---\n# Modèle\nlicense: see below\n"
    (directory / "README.md").write_bytes(card.encode(encoding))
    if front_matter.startswith("- "):
        (directory / "README.md").write_bytes(f"---\n{front_matter}\n---\n".encode(encoding))
    assert local.origin_of_directory(directory, "").licence == licence


@pytest.mark.parametrize(
    "card", [b"", b"# Model\n\nlicense: see the file\n", b"---\nlicense: mit\n", b"\xff\xfe\x00", b"\xff\xfd\x80"]
)
def test_a_model_card_without_a_licence_that_can_be_read(directory: Path, card: bytes) -> None:
    (directory / "README.md").write_bytes(card)
    assert local.origin_of_directory(directory, "").licence == "unknown"


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


@pytest.mark.parametrize("architectures", [None, [], [None], {}, "ResNetForImageClassification", 3])
def test_no_architecture(directory: Path, architectures: object) -> None:
    edit(directory / "config.json", lambda config: config.update(architectures=architectures))
    with pytest.raises(CommandError, match="not an image classifier"):
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


@pytest.mark.parametrize("name", ["config.json", "preprocessor_config.json"])
def test_a_byte_order_mark(directory: Path, name: str) -> None:
    (directory / name).write_bytes(b"\xef\xbb\xbf" + (directory / name).read_bytes())
    local.check(directory)
    assert local.load(directory).labels[0] == "class 0"


def test_a_pointer_of_git_lfs(directory: Path) -> None:
    (directory / "model.safetensors").write_text("version https://git-lfs.example/spec/v1\noid sha256:0\nsize 9\n")
    with pytest.raises(CommandError, match="is a pointer of Git LFS, not the weights: fetch them with git lfs pull"):
        local.check(directory)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
@pytest.mark.parametrize("name", ["classifier.1.weight", "resnet.embedder.embedder.normalization.running_mean"])
def test_weights_that_are_no_numbers(directory: Path, name: str, value: float) -> None:
    tensors = load_file(directory / "model.safetensors")
    tensors[name].view(-1)[0] = value
    save_file(tensors, directory / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(CommandError, match=rf"has NaN or infinity among its weights \({name}\)"):
        local.load(directory)


def test_a_regression(directory: Path) -> None:
    edit(directory / "config.json", lambda config: config.update(problem_type="regression"))
    with pytest.raises(CommandError, match="is a regression"):
        local.check(directory)


@pytest.mark.parametrize(
    "config",
    [
        {"architecture": "resnet50", "num_classes": 1000, "pretrained_cfg": {"input_size": [3, 224, 224]}},
        {
            "architectures": ["TimmWrapperForImageClassification"],
            "model_type": "timm_wrapper",
            "architecture": "resnet50",
        },
    ],
)
def test_a_model_of_timm(directory: Path, config: dict[str, object]) -> None:
    (directory / "config.json").write_text(json.dumps(config))
    (directory / "preprocessor_config.json").unlink()
    with pytest.raises(CommandError, match="is a model of timm"):
        local.check(directory)


def test_one_channel(directory: Path) -> None:
    edit(directory / "config.json", lambda config: config.update(num_channels=1))
    with pytest.raises(CommandError, match="do not fit its config"):
        local.load(directory)


def two_classes(directory: Path, **config: object) -> Path:
    """Save a network of two classes as transformers 4 did, which wrote no label map for them."""
    save("ResNetForImageClassification", directory, id2label={0: "a", 1: "b"}, num_labels=2)
    edit(directory / "config.json", lambda found: [found.pop(name) for name in ("id2label", "label2id")])
    edit(directory / "config.json", lambda found: found.update(config))
    return directory


def test_no_label_map(tmp_path: Path) -> None:
    directory = two_classes(tmp_path)
    local.check(directory)
    assert local.load(directory).labels == ("LABEL_0", "LABEL_1")


def test_a_label_map_the_wrong_way_round(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="label map the wrong way round"):
        local.check(two_classes(tmp_path, id2label={"cat": 0, "dog": 1}))


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        ({"0": 7, "1": 8.5}, ("7", "8.5")),
        ({"0": None, "1": "dog"}, ("LABEL_0", "dog")),
        ({"0": "", "1": " \n"}, ("LABEL_0", "LABEL_1")),
        ({"0": "a\tb", "1": "a\nb"}, ("a\tb", "a\nb")),
        ({"1": "dog", "0": "cat"}, ("cat", "dog")),
    ],
)
def test_labels_that_are_no_plain_names(tmp_path: Path, labels: dict[str, object], expected: tuple[str, ...]) -> None:
    directory = two_classes(tmp_path, id2label=labels)
    local.check(directory)
    assert local.load(directory).labels == expected


def test_a_number_of_classes_that_the_configuration_takes_for_granted(tmp_path: Path) -> None:
    """PVT's has 1,000 where config.json, as transformers writes it, has only the names."""
    save("PvtForImageClassification", tmp_path)
    assert len(local.load(tmp_path).labels) == CLASSES


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
@pytest.mark.parametrize("name", ["ResNet", "ViT", "ConvNext"])
def test_weights_of_another_precision(tmp_path: Path, name: str, dtype: torch.dtype) -> None:
    network = save(f"{name}ForImageClassification", tmp_path, dtype).to(torch.float32)
    model = local.load(tmp_path)
    assert {weight.dtype for weight in model.network.parameters()} == {torch.float32}
    images = torch.randn(2, 3, SIZE, SIZE, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        torch.testing.assert_close(model.network(images), network(images).logits, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("field", ["dtype", "torch_dtype"])
def test_a_configuration_that_names_another_precision(directory: Path, field: str) -> None:
    edit(directory / "config.json", lambda config: config.update({"dtype": None, field: "float16"}))
    assert {weight.dtype for weight in local.load(directory).network.parameters()} == {torch.float32}


@pytest.mark.parametrize(
    ("config", "scores"),
    [
        ({}, "softmax"),
        ({"problem_type": "single_label_classification"}, "softmax"),
        ({"problem_type": "multi_label_classification"}, "sigmoid"),
        ({"problem_type": "multi_label_classification", "id2label": {0: "cat"}, "num_labels": 1}, "sigmoid"),
        ({"id2label": {0: "cat"}, "num_labels": 1}, "sigmoid"),
    ],
)
def test_how_logits_become_scores(tmp_path: Path, config: dict[str, Any], scores: str) -> None:
    save("ResNetForImageClassification", tmp_path, **config)
    assert local.load(tmp_path).scores == scores
