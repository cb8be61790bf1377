"""Image processors: each is translated so that our input equals its own, or refused in one sentence."""

import json
from pathlib import Path
from typing import Any

import pytest
import transformers
from transformers.models.auto.image_processing_auto import IMAGE_PROCESSOR_MAPPING_NAMES

from handler.manifest import InputSpec
from scripts.build.sources import processor
from scripts.common.errors import CommandError, first_line

SQUARE = {"height": 40, "width": 40}
CROP = {"do_center_crop": True, "crop_size": 32}


def translated(name: str, directory: Path, **fields: Any) -> InputSpec:
    """Return the proved translation of a processor's file: what its class writes, with some fields changed."""
    getattr(transformers, name)().save_pretrained(directory)
    file = directory / "preprocessor_config.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | fields))
    image_processor = processor.load(directory)
    spec = processor.input_spec(image_processor)
    processor.prove(spec, image_processor)
    return spec


VIT = [
    *({"resample": number} for number in range(6)),
    {"resample": "bicubic"},
    {"resample": 4, "size": {"shortest_edge": 50}, **CROP},
    {"resample": 1, "size": {"shortest_edge": 50}, **CROP},
    {"image_mean": [0.4], "image_std": [0.3]},
    {"image_mean": 0.4, "image_std": 0.3},
    {"image_mean": None, "image_std": None, "do_normalize": False},
    {"do_normalize": None, "do_rescale": None},
    {"do_rescale": False, "image_mean": [120, 110, 100], "image_std": [60, 50, 40]},
    {"rescale_factor": 1 / 127.5},
    {"size": 40},
    {"size": [40, 56]},
    {"size": {"height": 24, "width": 56}},
    {"size": {"height": 24, "width": 56}, "do_center_crop": True, "crop_size": {"height": 20, "width": 31}},
    {"size": SQUARE, "do_center_crop": True, "crop_size": 64},
    {"size": SQUARE, "do_center_crop": True, "crop_size": {"height": 33, "width": 55}},
    {"size": {"shortest_edge": 40}, **CROP},
    {"size": {"shortest_edge": 40}, "do_center_crop": True, "crop_size": 224},
    {"size": {"shortest_edge": 40, "longest_edge": 44}, **CROP},
    {"size": {"max_height": 40, "max_width": 50}, **CROP},
    {"do_resize": False, "do_center_crop": True, "crop_size": 150},
]


@pytest.mark.parametrize("fields", VIT, ids=str)
def test_equal_to_the_processor(fields: dict[str, Any], tmp_path: Path) -> None:
    translated("ViTImageProcessor", tmp_path, **fields)


OTHERS = [
    ("ConvNextImageProcessor", {"size": {"shortest_edge": 100}, "crop_pct": 0.7}),
    ("ConvNextImageProcessor", {"size": {"shortest_edge": 400}}),
    ("PoolFormerImageProcessor", {"size": {"shortest_edge": 60}, "crop_size": 60}),
    ("PoolFormerImageProcessor", {"size": {"shortest_edge": 400}, "crop_size": 390, "crop_pct": 0.95}),
    ("PoolFormerImageProcessor", {"size": SQUARE, "crop_size": 40}),
    ("PoolFormerImageProcessor", {"size": {"height": 40, "width": 60}, "crop_size": {"height": 40, "width": 60}}),
    ("LevitImageProcessor", {}),
    ("LevitImageProcessor", {"size": {"height": 40, "width": 60}, "crop_size": 36}),
    ("EfficientNetImageProcessor", {}),
    ("EfficientNetImageProcessor", {"rescale_offset": True, "rescale_factor": 1 / 127.5, "include_top": False}),
    ("EfficientNetImageProcessor", {"rescale_offset": True, "do_center_crop": True, "do_normalize": False}),
    ("MobileViTImageProcessor", {}),
    ("MobileViTImageProcessor", {"do_flip_channel_order": False, "do_normalize": True}),
    ("PPLCNetImageProcessor", {}),
    ("PPLCNetImageProcessor", {"size_divisor": 32, "image_mean": [0.1, 0.2, 0.3]}),
    ("PPLCNetImageProcessor", {"do_center_crop": False, "resize_short": None}),
    ("MobileNetV2ImageProcessor", {}),
    ("SegformerImageProcessor", {"do_reduce_labels": True}),
]


@pytest.mark.parametrize(("name", "fields"), OTHERS, ids=str)
def test_a_processor_with_rules_of_its_own(name: str, fields: dict[str, Any], tmp_path: Path) -> None:
    translated(name, tmp_path, **fields)


REFUSED: list[tuple[str, dict[str, Any], str]] = [
    ("ViTImageProcessor", {"resample": 9}, "has resample 9, which is no filter of Pillow"),
    ("ViTImageProcessor", {"resample": None}, "has resample None, which is no filter of Pillow"),
    ("ViTImageProcessor", {"resample": "LANCZOS"}, "has resample 'LANCZOS', which is no filter of Pillow"),
    ("ViTImageProcessor", {"resample": "soft"}, "has resample 'soft'"),
    ("ViTImageProcessor", {"image_mean": [0.5] * 4}, "give one number for each channel"),
    ("ViTImageProcessor", {"image_std": "small"}, "give one number for each channel"),
    ("ViTImageProcessor", {"image_mean": None}, "give one number for each channel"),
    ("ViTImageProcessor", {"image_std": 0}, "divides by zero"),
    ("ViTImageProcessor", {"image_std": [0.5, 0.5, 0]}, "divides by zero"),
    ("ViTImageProcessor", {"rescale_factor": 0}, "divides by zero"),
    ("ViTImageProcessor", {"rescale_factor": "x"}, "rescale_factor 'x'"),
    ("ViTImageProcessor", {"rescale_factor": None}, "rescale_factor None"),
    ("ViTImageProcessor", {"size": -4}, "resizes in a way that is not supported"),
    ("ViTImageProcessor", {"size": 0}, "resizes in a way that is not supported"),
    ("ViTImageProcessor", {"size": None}, "resizes in a way that is not supported"),
    ("ViTImageProcessor", {"size": "40"}, "cannot be loaded"),
    ("ViTImageProcessor", {"size": [40]}, "cannot be loaded"),
    ("ViTImageProcessor", {"size": {"height": 40}}, "cannot be loaded"),
    ("ViTImageProcessor", {"size": {"height": "40", "width": "40"}}, "resizes in a way that is not supported"),
    ("ViTImageProcessor", {"size": {"height": 40.0, "width": 40.0}}, "resizes in a way that is not supported"),
    ("ViTImageProcessor", {"size": {"shortest_edge": 40}}, "a network needs images of one size"),
    ("ViTImageProcessor", {"size": {"longest_edge": 40}}, "a network needs images of one size"),
    ("ViTImageProcessor", {"size": {"max_height": 40, "max_width": 50}}, "a network needs images of one size"),
    ("ViTImageProcessor", {"size": {"longest_edge": 40}, **CROP}, "fails on an image"),
    ("ViTImageProcessor", {"do_center_crop": True, "crop_size": 0}, "resizes in a way that is not supported"),
    ("ViTImageProcessor", {"do_pad": True, "pad_size": {"height": 250, "width": 250}}, "pixels to 1 x 3 x 250 x 250"),
    ("ViTImageProcessor", {"image_processor_type": "Nobody"}, "cannot be loaded"),
    ("ConvNextImageProcessor", {"size": {"shortest_edge": "100"}}, "has a value that cannot be used"),
    ("ConvNextImageProcessor", {"size": {"shortest_edge": 100}, "crop_pct": 0}, "has a value that cannot be used"),
    ("ConvNextImageProcessor", {"size": {"shortest_edge": 100}, "crop_pct": "x"}, "has a value that cannot be used"),
    ("LevitImageProcessor", {"size": "small"}, "cannot be loaded"),
    ("PPLCNetImageProcessor", {"resize_short": "x"}, "resizes in a way that is not supported"),
    ("PerceiverImageProcessor", {}, "PerceiverImageProcessor turns 640 x 480 pixels to 1 x 3 x 224 x 224"),
    ("PerceiverImageProcessor", {"crop_size": 224}, "differ from ours by up to"),
    ("TextNetImageProcessor", {}, "a network needs images of one size"),
    ("ImageGPTImageProcessor", {"clusters": [[0.1, 0.1, 0.1]] * 2}, "returns input_ids"),
]


DEFAULTS = sorted(
    {name for names in IMAGE_PROCESSOR_MAPPING_NAMES.values() for backend, name in names.items() if backend != "pil"}
)


@pytest.mark.parametrize(("name", "fields", "sentence"), REFUSED, ids=str)
def test_refused_in_one_sentence(name: str, fields: dict[str, Any], sentence: str, tmp_path: Path) -> None:
    with pytest.raises(CommandError) as refused:
        translated(name, tmp_path, **fields)
    assert sentence in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("name", DEFAULTS)
def test_no_processor_of_transformers_ends_in_a_traceback(name: str) -> None:
    try:
        image_processor = getattr(transformers, name)()
    except ImportError as error:
        pytest.skip(first_line(error))
    try:
        processor.prove(processor.input_spec(image_processor), image_processor)
    except CommandError as refused:
        assert "\n" not in str(refused)  # noqa: PT017 - each is packed or refused, whichever is right


def test_flipped_channels(tmp_path: Path) -> None:
    assert translated("MobileViTImageProcessor", tmp_path).channels == "BGR"
    assert translated("MobileViTImageProcessor", tmp_path, do_flip_channel_order=False).channels == "RGB"


def test_a_second_division_and_an_offset_are_folded_into_mean_and_std(tmp_path: Path) -> None:
    spec = translated("EfficientNetImageProcessor", tmp_path, rescale_offset=True, image_mean=[0.1], image_std=[0.5])
    assert (spec.mean, spec.std) == ((1.1,) * 3, (0.25,) * 3)


def test_input_spec_of_vit() -> None:
    spec = processor.input_spec(transformers.ViTImageProcessor(size={"height": 48, "width": 64}))
    assert (spec.resize, spec.crop, spec.size) == ({"height": 48, "width": 64}, None, (48, 64))


def test_input_spec_of_clip() -> None:
    spec = processor.input_spec(
        transformers.CLIPImageProcessor(size={"shortest_edge": 40}, crop_size={"height": 32, "width": 32})
    )
    assert (spec.resize, spec.crop) == ({"shortest_edge": 40}, (32, 32))


def test_input_spec_of_large_convnext() -> None:
    spec = processor.input_spec(transformers.ConvNextImageProcessor(size={"shortest_edge": 384}))
    assert (spec.resize, spec.crop) == ({"height": 384, "width": 384}, None)


def test_input_spec_without_normalisation() -> None:
    spec = processor.input_spec(transformers.ViTImageProcessor(do_normalize=False, do_rescale=False))
    assert (spec.rescale, spec.mean, spec.std) == (1.0, (0.0, 0.0, 0.0), (1.0, 1.0, 1.0))


def test_unsupported_resizing() -> None:
    with pytest.raises(CommandError, match="resizes in a way that is not supported"):
        processor.input_spec(transformers.ViTImageProcessor(do_resize=False))
