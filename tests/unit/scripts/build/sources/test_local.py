"""Hugging Face directories: which are rejected before a build, and what is read from the others."""

import json
from pathlib import Path

import pytest
import torch

from scripts.build.sources import local
from scripts.common.errors import CommandError
from tests.unit.scripts.build.sources.editing import edit


def test_origin_of_directory(directory: Path) -> None:
    origin = local.origin_of_directory(directory, "")
    assert (origin.name, origin.source, origin.licence) == ("my-model", "directory my-model", "unknown")
    assert local.origin_of_directory(directory, "cats-1.0").name == "cats-1.0"


@pytest.mark.parametrize("name", ["a b", "../x", "-x", "ü", "x" * 65, "a/b"])
def test_invalid_served_name(directory: Path, name: str) -> None:
    with pytest.raises(CommandError, match="cannot be a served name"):
        local.origin_of_directory(directory, name)


def test_no_directory(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="is not a directory: name a Hugging Face model directory"):
        local.check(tmp_path / "nowhere")


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
