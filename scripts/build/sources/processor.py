"""Translates a transformers image processor into our input, and proves on images that both do the same."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import Tensor
from transformers import AutoImageProcessor
from transformers.image_utils import pil_torch_interpolation_mapping

from handler.decode.resize import PILLOW_FILTERS, to_input
from handler.manifest import ChannelOrder, InputSpec
from handler.model import normalize
from scripts.build.program import proof_images
from scripts.build.sources.files import PREPROCESSOR
from scripts.common.errors import CommandError, first_line

MAX_DIFFERENCE = 2  # grey levels: libraries round differently
CONVNEXT_WARPS_FROM = 384  # pixels of shortest_edge from which ConvNext's processor does not crop
LEVIT_OVERSIZE = 256 / 224  # LeViT's processor resizes to so many times the shortest_edge

Resizing = tuple[dict[str, int], tuple[int, int] | None]
Three = tuple[float, float, float]


def load(directory: Path) -> Any:
    """Load the image processor of a directory.

    Raises:
        CommandError: transformers cannot load it.
    """
    try:
        processor = AutoImageProcessor.from_pretrained(directory)
        if _filter(processor) in PILLOW_FILTERS:
            return AutoImageProcessor.from_pretrained(directory, backend="pil")  # torch has no such filter
    except Exception as error:
        raise CommandError(f"{PREPROCESSOR} cannot be loaded, are its files complete? {first_line(error)}") from error
    return processor


def input_spec(processor: Any) -> InputSpec:
    """Translate an image processor.

    Raises:
        CommandError: it does something that InputSpec cannot say.
    """
    try:
        resize, crop = _resizing(processor)
        rescale, mean, std = _normalisation(processor)
    except (ArithmeticError, AttributeError, KeyError, TypeError, ValueError) as error:
        raise CommandError(f"{_name(processor)} has a value that cannot be used: {first_line(error)}") from error
    one_size = crop or resize.keys() == {"height", "width"}
    positive = all(isinstance(pixels, int) and pixels > 0 for pixels in (*resize.values(), *(crop or ())))
    if not (one_size and positive):
        raise CommandError(
            f"{_name(processor)} resizes in a way that is not supported (size {resize}, crop {crop}): "
            "a network needs images of one size, a height and a width, or a crop"
        )
    if _is(processor, "PPLCNet"):  # it reverses the channels at the end, always
        return InputSpec(resize, crop, _interpolation(processor), rescale, mean[::-1], std[::-1], "BGR")
    channels: ChannelOrder = "BGR" if getattr(processor, "do_flip_channel_order", None) else "RGB"
    return InputSpec(resize, crop, _interpolation(processor), rescale, mean, std, channels)


def _resizing(processor: Any) -> Resizing:
    """Return how a processor resizes and crops; some have rules of their own."""
    size = dict(processor.size or {}) if processor.do_resize else {}
    edge, crop_pct = size.get("shortest_edge"), getattr(processor, "crop_pct", None)
    crop_size = processor.crop_size if getattr(processor, "do_center_crop", None) else None
    crop = (crop_size["height"], crop_size["width"]) if crop_size else None
    if edge and _is(processor, "ConvNext"):
        if edge >= CONVNEXT_WARPS_FROM:
            return {"height": edge, "width": edge}, crop
        return {"shortest_edge": int(edge / crop_pct)}, (edge, edge)
    if size and _is(processor, "PoolFormer") and crop_pct:
        larger = {side: int(pixels / crop_pct) for side, pixels in size.items()}
        square = edge or size["height"] == size["width"]
        return {"shortest_edge": next(iter(larger.values()))} if square else larger, crop
    if edge and _is(processor, "Levit"):
        return {"shortest_edge": int(edge * LEVIT_OVERSIZE)}, crop
    if size and _is(processor, "PPLCNet") and processor.resize_short:
        return {"shortest_edge": processor.resize_short, "divisor": processor.size_divisor or 1}, crop
    return size, crop


def _normalisation(processor: Any) -> tuple[float, Three, Three]:
    """Return rescale, mean and std, into which EfficientNet's offset and its second division are folded."""
    rescale = _number(processor, "rescale_factor") if processor.do_rescale else 1.0
    offset = 1.0 if processor.do_rescale and getattr(processor, "rescale_offset", False) else 0.0
    mean: Three = (0.0, 0.0, 0.0)
    std: Three = (1.0, 1.0, 1.0)
    if processor.do_normalize and not _is(processor, "MobileViT"):  # which never normalises
        mean, std = _three(processor, "image_mean"), _three(processor, "image_std")
    if getattr(processor, "include_top", False):
        again = _three(processor, "image_std")
        std = (std[0] * again[0], std[1] * again[1], std[2] * again[2])
    if 0 in std or rescale == 0:
        raise CommandError(f"{_name(processor)} divides by zero: image_std {processor.image_std}, factor {rescale}")
    return rescale, (mean[0] + offset, mean[1] + offset, mean[2] + offset), std


def _three(processor: Any, name: str) -> Three:
    """Return one number for each channel; one alone is for all of them."""
    value = getattr(processor, name)
    try:
        numbers = [float(number) for number in (value if isinstance(value, list | tuple) else (value,))]
        first, second, third = numbers * 3 if len(numbers) == 1 else numbers
    except (TypeError, ValueError) as error:
        raise CommandError(f"{_name(processor)} has {name} {value!r}: give one number for each channel") from error
    return first, second, third


def _number(processor: Any, name: str) -> float:
    value = getattr(processor, name)
    if not isinstance(value, int | float):
        raise CommandError(f"{_name(processor)} has {name} {value!r}: give a number")
    return float(value)


def _interpolation(processor: Any) -> str:
    """Return the filter's name."""
    name = _filter(processor)
    if name not in {mode.value for mode in pil_torch_interpolation_mapping.values()}:
        raise CommandError(f"{_name(processor)} has resample {processor.resample!r}, which is no filter of Pillow")
    return name


def _filter(processor: Any) -> str:
    """Return the name of what transformers writes as Pillow's number, and some as the name."""
    resample = getattr(processor, "resample", None)
    found = pil_torch_interpolation_mapping.get(resample, resample)
    return str(getattr(found, "value", found))


def prove(spec: InputSpec, processor: Any) -> None:
    """Check that our transform reproduces the processor.

    Raises:
        CommandError: it does something else.
    """
    level = max(abs(spec.rescale / std) for std in spec.std)  # one step of a uint8 value, in normalised units
    for image in proof_images():
        expected = _processed(processor, image)
        ours = normalize(to_input(image, spec)[None], spec)
        height, width = image.shape[1:]
        problem = ""
        if ours.shape != expected.shape:
            problem = f"to {' x '.join(map(str, expected.shape))}, not to {' x '.join(map(str, ours.shape))}"
        elif not (difference := float((ours - expected).abs().max()) / level) <= MAX_DIFFERENCE:
            problem = f"to values that differ from ours by up to {difference:.1f} grey levels"
        if problem:
            raise CommandError(
                f"the preprocessing cannot be reproduced: {_name(processor)} turns {width} x {height} pixels "
                f"{problem} ({_said(spec)}); models that only resize, crop, rescale and normalise can be packed"
            )


def _processed(processor: Any, image: Tensor) -> Tensor:
    try:
        result = processor(image, return_tensors="pt")
    except Exception as error:
        raise CommandError(f"{_name(processor)} fails on an image: {first_line(error)}") from error
    pixel_values = getattr(result, "pixel_values", None)
    if not isinstance(pixel_values, Tensor):
        returned = ", ".join(result) if isinstance(result, Mapping) else type(result).__name__
        raise CommandError(f"{_name(processor)} returns {returned}: only networks of pixel_values can be packed")
    return pixel_values


def _said(spec: InputSpec) -> str:
    crop = f", crop to {spec.crop[0]} x {spec.crop[1]}" if spec.crop else ""
    return f"its file says: resize {spec.resize} by {spec.interpolation}{crop}"


def _is(processor: Any, family: str) -> bool:
    return _name(processor).startswith(f"{family}ImageProcessor")


def _name(processor: Any) -> str:
    return type(processor).__name__
