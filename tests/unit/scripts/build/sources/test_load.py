"""What is read from a directory: labels, scores and weights of any precision."""

from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from scripts.build.sources import local
from scripts.common.errors import CommandError
from tests.tiny_models import CLASSES, SIZE, save
from tests.unit.scripts.build.sources.editing import edit


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
@pytest.mark.parametrize("name", ["classifier.1.weight", "resnet.embedder.embedder.normalization.running_mean"])
def test_weights_that_are_no_numbers(directory: Path, name: str, value: float) -> None:
    tensors = load_file(directory / "model.safetensors")
    tensors[name].view(-1)[0] = value
    save_file(tensors, directory / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(CommandError, match=rf"has NaN or infinity among its weights \({name}\)"):
        local.load(directory)


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
        ({"0": "cat \ud83d", "1": "dog 🐶"}, ("cat ?", "dog 🐶")),
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
