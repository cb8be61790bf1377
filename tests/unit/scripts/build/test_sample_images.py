"""Images of a folder or of installed packages, split in two, and their crops."""

from pathlib import Path

import pytest
import torch

from handler.manifest import Manifest
from scripts.build import sample_images
from scripts.common.errors import CommandError


def test_held_out_images_are_not_in_the_calibration_set(photos: Path) -> None:
    read = sample_images.read_images(str(photos))
    assert (len(read.calibration), len(read.held_out), read.source) == (3, 3, f"6 images of {photos.name}")
    assert not any(one.equal(other) for one in read.calibration for other in read.held_out)


def test_images_of_installed_packages_are_the_default() -> None:
    read = sample_images.read_images("")
    assert len(read.calibration) + len(read.held_out) == 7
    assert "installed packages" in read.source


def test_too_few_photos(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="0 images are too few"):
        sample_images.read_images(str(tmp_path))


def test_inputs_are_the_photos_and_then_crops_of_them(tiny_model: Path, photos: Path) -> None:
    spec = Manifest.from_json((tiny_model / "model.json").read_text()).input
    read = sample_images.read_images(str(photos)).calibration
    made = sample_images.inputs(read, 9, spec)
    assert made.shape == (9, 3, 32, 32)
    assert torch.equal(made[:3], sample_images.inputs(read, 3, spec))
    assert len({tuple(one.flatten().tolist()) for one in made}) == 9
    assert torch.equal(made, sample_images.inputs(read, 9, spec))  # the same every time


def test_crops_have_at_least_the_given_area(tiny_model: Path, photos: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spec = Manifest.from_json((tiny_model / "model.json").read_text()).input
    (image, *_) = sample_images.read_images(str(photos)).images
    taken = []

    def watched(pixels: torch.Tensor, _: object) -> torch.Tensor:
        taken.append(pixels.shape[1] * pixels.shape[2] / (image.shape[1] * image.shape[2]))
        return torch.zeros(3, 32, 32)

    monkeypatch.setattr(sample_images, "to_input", watched)
    sample_images.inputs([image], 50, spec, min_area=0.9)
    assert taken[0] == 1
    assert 0.87 < min(taken) < 0.95  # a side is rounded down to whole pixels
