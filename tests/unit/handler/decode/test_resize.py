"""Resizing and cropping is the source's own, also for images of extreme sizes."""

import dataclasses

import pytest
import torch
from torch import Tensor

from handler.decode.resize import region_of, resized_to, to_input
from handler.manifest import InputSpec
from handler.model import normalize

CROPPED = InputSpec({"shortest_edge": 256}, (224, 224), "bicubic", 1 / 255, (0.5, 0.4, 0.3), (0.2, 0.25, 0.3))
WARPED = InputSpec({"height": 20, "width": 30}, None, "bilinear", 1 / 255, (0.0, 0.0, 0.0), (1.0, 1.0, 1.0))


def noise(height: int, width: int) -> Tensor:
    return torch.randint(0, 256, (3, height, width), dtype=torch.uint8, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("size", [(480, 640), (640, 480), (1, 1), (3, 2), (1, 5000), (5000, 1), (256, 256)])
def test_any_size_becomes_the_input(size: tuple[int, int]) -> None:
    pixels = to_input(noise(*size), CROPPED)
    assert pixels.shape == (3, 224, 224)
    assert pixels.dtype == torch.uint8
    assert to_input(noise(*size), WARPED).shape == (3, 20, 30)


def test_a_very_long_image_is_cut_before_it_is_resized() -> None:
    """Without the cut this would be resized to 256 x 32,000,000 pixels."""
    assert to_input(noise(1, 125_000), CROPPED).shape == (3, 224, 224)


def test_the_cut_does_not_change_the_input() -> None:
    """9:1 is cut to 8:1; what the centre crop sees is the same to the rounding of the resized width."""
    long = noise(40, 360).float()
    smooth = torch.nn.functional.avg_pool2d(long[None], 9, 1, 4)[0].to(torch.uint8)
    middle = smooth[:, :, 20:340]
    difference = (to_input(smooth, CROPPED).int() - to_input(middle, CROPPED).int()).abs()
    assert difference.max() <= 2


def test_channels_in_reverse() -> None:
    reversed_spec = dataclasses.replace(CROPPED, channels="BGR")
    image = noise(300, 400)
    assert torch.equal(to_input(image, reversed_spec), to_input(image, CROPPED).flip(0))


@pytest.mark.parametrize("size", [(480, 640), (640, 480), (1, 1), (3, 2), (1, 5000), (5000, 1), (30, 40)])
@pytest.mark.parametrize(
    "resize",
    [
        {},
        {"height": 20, "width": 30},
        {"shortest_edge": 10},
        {"shortest_edge": 20, "longest_edge": 21},
        {"shortest_edge": 33, "divisor": 8},
        {"max_height": 20, "max_width": 30},
    ],
    ids=str,
)
@pytest.mark.parametrize("interpolation", ["nearest-exact", "lanczos", "box", "hamming"])
def test_what_a_crop_lacks_is_black(size: tuple[int, int], resize: dict[str, int], interpolation: str) -> None:
    spec = dataclasses.replace(CROPPED, resize=resize, crop=(90, 101), interpolation=interpolation)
    height, width = resized_to(*size, resize)
    pixels = to_input(torch.full((3, *size), 200, dtype=torch.uint8), spec)
    assert pixels.shape == (3, 90, 101)
    assert pixels.dtype == torch.uint8
    assert int((pixels == 200).sum()) == 3 * min(height, 90) * min(width, 101)
    assert int((pixels == 0).sum()) == pixels.numel() - int((pixels == 200).sum())


@pytest.mark.parametrize("interpolation", ["box", "hamming"])
def test_pillow_does_not_resize_the_floats_of_a_gpu(interpolation: str) -> None:
    with pytest.raises(NotImplementedError, match="resizes bytes on the CPU"):
        to_input(noise(30, 40).float(), dataclasses.replace(WARPED, interpolation=interpolation))


def test_a_whole_image_is_never_cut_where_the_crop_is_longer_than_eight_short_sides() -> None:
    spec = dataclasses.replace(CROPPED, resize={"shortest_edge": 10}, crop=(224, 224))
    pixels = to_input(torch.full((3, 10, 200), 200, dtype=torch.uint8), spec)
    assert int((pixels == 200).sum()) == 3 * 10 * 200


@pytest.mark.parametrize("height", [150, 211, 224, 256, 500])  # 211 leaves an odd pixel beside the crop
def test_equal_to_the_processor_of_transformers(height: int) -> None:
    from transformers import ConvNextImageProcessor

    processor = ConvNextImageProcessor(size={"shortest_edge": 224}, crop_pct=0.875, resample=3)
    image = noise(height, 333)
    spec = InputSpec({"shortest_edge": 256}, (224, 224), "bicubic", 1 / 255, tuple(processor.image_mean),
                     tuple(processor.image_std))  # fmt: skip
    expected = processor(image, return_tensors="pt")["pixel_values"]
    torch.testing.assert_close(normalize(to_input(image, spec)[None], spec), expected, atol=1e-5, rtol=0)


@pytest.mark.parametrize("size", [(300, 400), (400, 300), (301, 423), (100, 1000), (1000, 100), (40, 30)])
@pytest.mark.parametrize(
    "spec",
    [
        CROPPED,
        WARPED,
        dataclasses.replace(CROPPED, crop=(300, 280)),  # larger than the resized image: filled up
        dataclasses.replace(CROPPED, resize={"shortest_edge": 64, "divisor": 32}, crop=(64, 64)),
        dataclasses.replace(CROPPED, resize={"max_height": 90, "max_width": 70}, crop=(64, 64)),
        dataclasses.replace(CROPPED, resize={}, crop=(35, 25)),
    ],
    ids=["cropped", "warped", "filled up", "divisor", "fitted", "not resized"],
)
def test_the_region_is_where_the_input_comes_from(spec: InputSpec, size: tuple[int, int]) -> None:
    """Each pixel of the image says where it is, so that each of the input says where it comes from."""
    height, width = size
    y, x = torch.meshgrid(torch.arange(height) + 0.5, torch.arange(width) + 0.5, indexing="ij")
    there = torch.ones(height, width)
    found = to_input(torch.stack([there, y, x]), dataclasses.replace(spec, interpolation="bilinear"))
    region = region_of(height, width, spec)
    for channel, begin, length, side in ((1, region.top, region.height, height), (2, region.left, region.width, width)):
        middle = [found.shape[1] // 2, found.shape[2] // 2]
        cells = found.shape[channel]
        step = length / cells
        expected = begin + (torch.arange(cells) + 0.5) * step
        line = found[channel, :, middle[1]] if channel == 1 else found[channel, middle[0], :]
        inside = (expected > 2 * step + 1) & (expected < side - 2 * step - 1)  # filters bend the values at the edges
        assert inside.any()
        assert (line - expected)[inside].abs().max() <= 0.51 * max(step, 1)
        filled = (expected < 0) | (expected > side)
        assert line[filled].abs().sum() == 0
