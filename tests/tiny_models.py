"""A tiny random network of every architecture in transformers' image-classification mapping, with its own processor."""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
import transformers
from safetensors.torch import save_file

SIZE = 64
CLASSES = 5
SQUARE = {"height": SIZE, "width": SIZE}
VIT = {
    "hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 32, "image_size": SIZE,
    "patch_size": 16,
}  # fmt: skip
TEXT = VIT | {"vocab_size": 99, "num_key_value_heads": 1, "head_dim": 8}
TOWERS = {"text_config": TEXT, "vision_config": VIT}
BEIT = VIT | {"use_relative_position_bias": True, "layer_scale_init_value": 0.1}
SWIN = {"image_size": SIZE, "patch_size": 4, "embed_dim": 8, "depths": [2, 2], "num_heads": [2, 2], "window_size": 4}
TWO_STAGES = {"embedding_size": 8, "hidden_sizes": [8, 16], "depths": [1, 1]}
FOUR_STAGES = {"hidden_sizes": [8, 8, 16, 16], "depths": [1] * 4, "num_attention_heads": [1] * 4}
LEVIT = {"image_size": SIZE, "hidden_sizes": [16, 16, 16], "num_attention_heads": [1, 1, 1], "depths": [1, 1, 1]}
HIERA = {
    "image_size": [SIZE, SIZE],
    "embed_dim": 8,
    "depths": [1, 1],
    "num_heads": [1, 2],
    "query_stride": [2, 2],
    "num_query_pool": 1,
}
PERCEIVER = {
    "num_latents": 4, "d_latents": 16, "num_blocks": 1, "num_self_attends_per_block": 1,
    "num_self_attention_heads": 2, "num_cross_attention_heads": 1, "image_size": SIZE,
}  # fmt: skip
EDGE = {"size": {"shortest_edge": SIZE}}
CROPPED = {"size": {"shortest_edge": SIZE + 8}, "crop_size": SQUARE}


@dataclass(frozen=True)
class Tiny:
    """How to make a tiny network.

    Args:
        config: members of its configuration.
        processor: the name of its image processor.
        options: of the processor.
        refused: a part of the sentence that refuses it; "" where it is packed.
    """

    config: dict[str, Any]
    processor: str = "ViTImageProcessor"
    options: dict[str, Any] = field(default_factory=lambda: {"size": SQUARE})
    refused: str = ""


def _named(tiny: dict[str, Tiny]) -> dict[str, Tiny]:
    """Return the table by full names."""
    return {name.replace("*", "ForImageClassification"): how for name, how in tiny.items()}


TINY = _named(
    {
        "Beit*": Tiny(BEIT, "BeitImageProcessor"),
        "Bit*": Tiny(TWO_STAGES | {"num_groups": 4}, "BitImageProcessor", CROPPED),
        "CLIP*": Tiny(TOWERS, "CLIPImageProcessor", CROPPED),
        "ConvNext*": Tiny(FOUR_STAGES, "ConvNextImageProcessor", EDGE),
        "ConvNextV2*": Tiny(FOUR_STAGES, "ConvNextImageProcessor", EDGE),
        "Cvt*": Tiny(
            {"embed_dim": [8, 8, 16], "num_heads": [1, 1, 2], "depth": [1, 2, 3]}, "ConvNextImageProcessor", EDGE
        ),
        "Data2VecVision*": Tiny(BEIT, "BeitImageProcessor"),
        "DeiT*": Tiny(VIT, "DeiTImageProcessor", {"crop_size": SQUARE}),
        "DeiT*WithTeacher": Tiny(VIT, "DeiTImageProcessor", {"crop_size": SQUARE}),
        "Dinat*": Tiny({}, refused="requires the natten library"),
        "Dinov2*": Tiny(VIT, "BitImageProcessor", CROPPED),
        "Dinov2WithRegisters*": Tiny(VIT, "BitImageProcessor", CROPPED),
        "DonutSwin*": Tiny(SWIN, "DonutImageProcessor", refused="DonutImageProcessor turns"),
        "EfficientNet*": Tiny(
            {"width_coefficient": 0.1, "depth_coefficient": 0.1, "hidden_dim": 128}, "EfficientNetImageProcessor"
        ),
        "FocalNet*": Tiny(
            {"image_size": SIZE, "embed_dim": 8, "depths": [1, 1], "focal_levels": [2, 2], "focal_windows": [3, 3]},
            "BitImageProcessor",
            CROPPED,
        ),
        "HGNetV2*": Tiny({}, "BitImageProcessor", CROPPED),
        "Hiera*": Tiny(HIERA, "BitImageProcessor", CROPPED),
        "IJepa*": Tiny(VIT),
        "ImageGPT*": Tiny(
            {"n_embd": 16, "n_layer": 1, "n_head": 2, "n_positions": 64, "vocab_size": 17},
            "ImageGPTImageProcessor",
            {"clusters": [[0.1 * shade] * 3 for shade in range(16)], "size": {"height": 8, "width": 8}},
            refused="ImageGPTImageProcessor returns input_ids",
        ),
        "Levit*": Tiny(LEVIT, "LevitImageProcessor", EDGE | {"crop_size": SQUARE}),
        "Levit*WithTeacher": Tiny(LEVIT, "LevitImageProcessor", EDGE | {"crop_size": SQUARE}),
        "MetaClip2*": Tiny(TOWERS, "CLIPImageProcessor", CROPPED),
        "MobileNetV1*": Tiny({"depth_multiplier": 0.25}, "MobileNetV1ImageProcessor", CROPPED),
        "MobileNetV2*": Tiny({"depth_multiplier": 0.25}, "MobileNetV2ImageProcessor", CROPPED),
        "MobileViT*": Tiny(
            {"hidden_sizes": [16, 16, 16], "neck_hidden_sizes": [8, 8, 8, 8, 8, 8, 16], "expand_ratio": 1.0},
            "MobileViTImageProcessor",
            CROPPED,
        ),
        "MobileViTV2*": Tiny({"width_multiplier": 0.25, "image_size": SIZE}, "MobileViTImageProcessor", CROPPED),
        "Perceiver*Learned": Tiny(PERCEIVER, "PerceiverImageProcessor", refused="PerceiverImageProcessor turns"),
        "Perceiver*Fourier": Tiny(PERCEIVER, "PerceiverImageProcessor", refused="PerceiverImageProcessor turns"),
        "Perceiver*ConvProcessing": Tiny(PERCEIVER, "PerceiverImageProcessor", refused="PerceiverImageProcessor turns"),
        "PoolFormer*": Tiny(
            {"hidden_sizes": [8, 8, 16, 16], "depths": [1] * 4},
            "PoolFormerImageProcessor",
            EDGE | {"crop_size": SQUARE},
        ),
        "PPLCNet*": Tiny({"scale": 0.25}, "PPLCNetImageProcessor", {"resize_short": SIZE + 8, "crop_size": SIZE}),
        "Pvt*": Tiny(FOUR_STAGES | {"image_size": SIZE, "num_labels": CLASSES}, "PvtImageProcessor"),
        "PvtV2*": Tiny(FOUR_STAGES | {"image_size": SIZE}, "PvtImageProcessor"),
        "RegNet*": Tiny(TWO_STAGES | {"groups_width": 8}, "ConvNextImageProcessor", EDGE),
        "ResNet*": Tiny(TWO_STAGES, "ConvNextImageProcessor", EDGE),
        "Segformer*": Tiny(FOUR_STAGES, "SegformerImageProcessor"),
        "ShieldGemma2*": Tiny(TOWERS, refused="the network does not take images"),
        "Siglip*": Tiny(TOWERS, "SiglipImageProcessor"),
        "Siglip2*": Tiny(TOWERS, "Siglip2ImageProcessor", {}, refused="Siglip2ImageProcessor resizes in a way"),
        "SwiftFormer*": Tiny({"image_size": SIZE, "depths": [1] * 4, "embed_dims": [8, 8, 16, 16]}),
        "Swin*": Tiny(SWIN),
        "Swinv2*": Tiny(SWIN),
        "TextNet*": Tiny({}, "TextNetImageProcessor", EDGE, refused="TextNetImageProcessor resizes in a way"),
        "TimmWrapper*": Tiny({}, refused="is a model of timm"),
        "ViT*": Tiny(VIT),
        "ViTMSN*": Tiny(VIT),
    }
)


NOT_INSTALLED = {"DinatForImageClassification": "dinat", "TimmWrapperForImageClassification": "timm_wrapper"}


def save_without_network(architecture: str, directory: Path) -> None:
    """Save what a directory of an architecture has whose library is not installed, with weights of no network."""
    directory.mkdir(parents=True)
    config = {
        "architectures": [architecture],
        "model_type": NOT_INSTALLED[architecture],
        "id2label": {"0": "a", "1": "b"},
    }
    (directory / "config.json").write_text(json.dumps(config))
    transformers.ViTImageProcessor().save_pretrained(directory)
    save_file({"weight": torch.zeros(1)}, directory / "model.safetensors")


def save(architecture: str, directory: Path, dtype: torch.dtype = torch.float32, **config: Any) -> Any:
    """Save a tiny network of an architecture with its processor, and return the network.

    Args:
        architecture: a key of TINY.
        directory: where to save them.
        dtype: of the saved weights.
        config: members of the configuration, besides TINY's.
    """
    tiny = TINY[architecture]
    network_class = getattr(transformers, architecture)
    labels = {index: f"class {index}" for index in range(CLASSES)}
    torch.manual_seed(0)
    network = network_class(
        network_class.config_class(**{"id2label": labels, "num_labels": len(labels)} | tiny.config | config)
    )
    _spread(network)
    network.to(dtype).save_pretrained(directory)
    getattr(transformers, tiny.processor)(**tiny.options).save_pretrained(directory)
    return network.eval()


def _spread(network: torch.nn.Module) -> None:
    """Set weights and running means so that logits differ between images: in many fresh networks they are near zero."""
    for weight in network.parameters():
        if weight.dim() > 1:
            torch.nn.init.normal_(weight, std=weight[0].numel() ** -0.5)
    normalisations = [module for module in network.modules() if isinstance(module, torch.nn.BatchNorm2d)]
    for module in normalisations:
        module.momentum = 1.0
        torch.nn.init.ones_(module.weight)
    if normalisations:
        with torch.no_grad():
            network.train()(pixel_values=torch.randn(4, 3, SIZE, SIZE))
