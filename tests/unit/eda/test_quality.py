"""Each quality rule finds a generated photo that breaks it, and not the one just within its limit."""

from collections.abc import Callable

import numpy as np
import pytest
from PIL import Image, ImageFilter, ImageOps

from eda.measure.pixels import pixel_facts
from tests.unit.eda.folder import HEIGHT, WIDTH, CocoFolder

OTHERS = 20
"""Images beside the planted one: as many as the rules on quartiles ask for."""

Make = Callable[[Image.Image], Image.Image]


def scaled(low: float, high: float) -> Make:
    """Return a function that squeezes all levels into this range (0-1)."""
    return lambda image: image.point([round(255 * low + level * (high - low)) for level in range(256)] * 3)


def blurred(radius: float) -> Make:
    return lambda image: image.filter(ImageFilter.GaussianBlur(radius))


def resized(width: int, height: int) -> Make:
    """Return a function that resizes and adds grain, because resizing blurs."""

    def resize(image: Image.Image) -> Image.Image:
        grain = np.random.default_rng(0).normal(0, 20, (height, width, 1))
        levels = np.asarray(image.resize((width, height))) + grain
        return Image.fromarray(np.clip(levels, 0, 255).astype(np.uint8))

    return resize


def barred(share: float) -> Make:
    """Return a function that covers this share of the height with black bars, half of it at either end."""

    def cover(image: Image.Image) -> Image.Image:
        bar = round(HEIGHT * share / 2)
        return ImageOps.expand(image.crop((0, bar, WIDTH, HEIGHT - bar)), (0, bar))

    return cover


def posterised(levels: int) -> Make:
    """Return a function that keeps this many levels of each channel, with sharp edges and in colour."""

    def reduce(image: Image.Image) -> Image.Image:
        step = 255 / (levels - 1)
        return image.point([round(round(level / step) * step) for level in range(256)] * 3)

    return reduce


FAULTY: dict[str, Make] = {
    "photo-dark": scaled(0, 0.25),
    "photo-bright": scaled(0.97, 1),
    "photo-low-contrast": scaled(0.5, 0.53),
    "photo-blurred": blurred(4),
    "photo-low-information": lambda image: Image.new("RGB", image.size, (200, 40, 40)),
    "photo-odd-aspect": resized(600, 120),
    "photo-odd-size": resized(1000, 600),
    "photo-grey": lambda image: image.convert("L").convert("RGB"),
    "photo-borders": barred(0.3),
}
WITHIN: dict[str, Make] = {
    "photo-dark": scaled(0, 0.6),
    "photo-bright": scaled(0.6, 1),
    "photo-low-contrast": scaled(0.4, 0.6),
    "photo-blurred": blurred(0.5),
    "photo-low-information": posterised(6),
    "photo-odd-aspect": resized(300, 120),
    "photo-odd-size": resized(240, 140),
    "photo-grey": lambda image: ImageOps.colorize(image.convert("L"), "#201000", "#fff0d0"),
    "photo-borders": barred(0.08),
}


def rules_of(coco: CocoFolder, make: Make) -> set[str]:
    """Return the rules that the first image breaks once it is changed."""
    coco.add_images(OTHERS)
    coco.replace_image(1, make(coco.draw(1)))
    findings = coco.rules()
    assert {image_id for _, image_id, _ in findings} <= {1}
    return {rule for rule, _, _ in findings}


@pytest.mark.parametrize("rule", FAULTY)
def test_photo_that_breaks_the_rule(coco: CocoFolder, rule: str) -> None:
    assert rule in rules_of(coco, FAULTY[rule])


@pytest.mark.parametrize("rule", WITHIN)
def test_photo_within_the_limit(coco: CocoFolder, rule: str) -> None:
    assert rules_of(coco, WITHIN[rule]) == set()


def test_only_grey_photos(coco: CocoFolder) -> None:
    for image_id in (1, 2):
        coco.replace_image(image_id, coco.draw(image_id).convert("L").convert("RGB"))
    # Half of the four photos: grey is no exception here.
    assert coco.rules() == []


@pytest.mark.parametrize("rule", ["photo-dark", "photo-bright", "photo-low-contrast"])
def test_a_flat_photo_is_not_blurred(coco: CocoFolder, rule: str) -> None:
    level = {"photo-dark": 0, "photo-bright": 255, "photo-low-contrast": 128}[rule]
    found = rules_of(coco, lambda image: Image.new("RGB", image.size, (level, level, level)))
    assert rule in found
    assert "photo-blurred" not in found


@pytest.mark.parametrize(
    ("box", "share"),
    [((0, 0, 100, 80), 0), ((0, 20, 100, 80), 0.25), ((30, 0, 100, 80), 0.3), ((10, 10, 90, 70), 0.4)],
)
def test_border_share(box: tuple[int, int, int, int], share: float) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (80, 100, 3), dtype=np.uint8)
    image = Image.new("RGB", (100, 80), (12, 12, 12))
    image.paste(Image.fromarray(noise).crop(box), box[:2])
    assert pixel_facts(image)["border"] == pytest.approx(share)


def test_a_gradient_is_no_border() -> None:
    gradient = np.repeat(np.linspace(0, 255, 100)[:, None, None], 100, axis=1).repeat(3, axis=2).astype(np.uint8)
    assert pixel_facts(Image.fromarray(gradient))["border"] < 0.1


@pytest.mark.parametrize("side", [1, 2, 3])
def test_tiny_images_are_measured(side: int) -> None:
    facts = pixel_facts(Image.new("RGB", (side, 1), (9, 99, 9)))
    assert np.isfinite(list(facts.values())).all()
