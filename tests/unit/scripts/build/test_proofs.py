"""A program that differs from its source is refused, and models of other shapes are packed."""

import dataclasses
import shutil
from pathlib import Path

import pytest
import torch

from scripts.archives.reading import read_manifest
from scripts.build import archive, packing, program
from scripts.build.sources import local, processor
from scripts.common.errors import CommandError
from tests.tiny_models import save


def test_prove_detects_a_different_program(tiny_directory: Path, tmp_path: Path) -> None:
    model = local.load(tiny_directory)
    program.export(model, tmp_path)
    assert program.prove(model, tmp_path) < 1e-3
    with torch.no_grad():
        next(iter(model.network.parameters())).mul_(3)
    with pytest.raises(CommandError, match="differs from its source model"):
        program.prove(model, tmp_path)


def test_prove_detects_labels_of_another_model(tiny_directory: Path, tmp_path: Path) -> None:
    model = local.load(tiny_directory)
    program.export(model, tmp_path)
    with pytest.raises(CommandError, match="the label map belongs to another model"):
        program.prove(dataclasses.replace(model, labels=model.labels[:-1]), tmp_path)


def test_prove_input_detects_different_preprocessing(tiny_directory: Path) -> None:
    image_processor = processor.load(tiny_directory)
    spec = processor.input_spec(image_processor)
    processor.prove(spec, image_processor)
    with pytest.raises(CommandError, match="cannot be reproduced"):
        processor.prove(dataclasses.replace(spec, interpolation="nearest"), image_processor)


def test_a_network_of_one_channel(tmp_path: Path) -> None:
    save("ViTForImageClassification", tmp_path, num_channels=1)
    with pytest.raises(
        CommandError, match="the network does not take images of 64 x 64 pixels, which preprocessor_con"
    ):
        program.export(local.load(tmp_path), tmp_path)


def test_vision_transformer(tmp_path: Path) -> None:
    from transformers import ViTConfig, ViTForImageClassification, ViTImageProcessor

    directory = tmp_path / "tiny-vit"
    config = ViTConfig(
        hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=16, image_size=48, patch_size=16,
        id2label={0: "mask", 1: "gloves", 2: "goggles"}, num_labels=3,
    )  # fmt: skip
    ViTForImageClassification(config).save_pretrained(directory)
    ViTImageProcessor(size={"height": 48, "width": 48}, image_mean=[0.1] * 3, image_std=[0.9] * 3).save_pretrained(
        directory
    )
    manifest = read_manifest(archive.ensure(str(directory), "ppe", store=tmp_path))
    assert (manifest.name, manifest.labels) == ("ppe", ("mask", "gloves", "goggles"))
    assert manifest.input.resize == {"height": 48, "width": 48}
    assert (manifest.input.mean, manifest.input.std) == ((0.1,) * 3, (0.9,) * 3)


def test_sharded_weights(tiny_directory: Path, tmp_path: Path) -> None:
    from transformers import AutoModelForImageClassification

    directory = shutil.copytree(tiny_directory, tmp_path / "sharded", ignore=shutil.ignore_patterns("*.safetensors"))
    AutoModelForImageClassification.from_pretrained(tiny_directory).save_pretrained(directory, max_shard_size="2KB")
    origin = local.origin_of_directory(directory, "")
    assert len(origin.weights) > 1
    assert len(packing.weights_sha256(origin)) == 64
    assert local.load(directory).labels[0] == "class 0"
