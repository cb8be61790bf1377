"""What is measured of a precision is right, and decides whether a worker may choose it."""

import dataclasses
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from handler.manifest import PrecisionName
from scripts.archives.reading import read_manifest
from scripts.build import agreement
from scripts.build.agreement import Compared, compare
from scripts.build.sample_images import SampleImages, read_images
from scripts.build.sources import local
from scripts.build.sources.source import SourceModel


def logits(*best: int) -> Tensor:
    """Return logits of ten classes with a confident top-1 class, a row each."""
    return 10 * torch.nn.functional.one_hot(torch.tensor(best), 10).float() + torch.linspace(0, 1, 10)


def compared(precision: PrecisionName = "int8", min_agreement: float = 0.9) -> Compared:
    return Compared(precision, "onnx", "4 photos", min_agreement)


def test_what_is_measured() -> None:
    before, after = logits(1, 2, 3, 4), logits(1, 2, 3, 9)
    before[2] = torch.linspace(0, 1, 10)  # not confident; its top-1 class is 9
    found = compare(before, after, compared())
    assert (found.held_out, found.top_1_kept, found.confident, found.confident_top_1_kept) == (4, 0.5, 3, 0.6667)
    assert found.score_change_p95 > 0.9
    same = compare(before, before, compared())
    assert (same.top_1_kept, same.top_5_kept, same.score_change_mean) == (1.0, 1.0, 0.0)
    assert (same.precision, same.engine, same.images) == ("int8", "onnx", "4 photos")


@pytest.mark.parametrize(
    ("precision", "threshold", "accepted"),
    [("int8", 0.7, True), ("int8", 0.8, False), ("bfloat16", 0.8, False), ("bfloat16", 0.7, False)],
)
def test_a_confident_class_that_changes(precision: PrecisionName, threshold: float, accepted: bool) -> None:
    found = compare(logits(1, 2, 3, 4), logits(1, 2, 3, 9), compared(precision, threshold))
    assert found.accepted is accepted


def test_only_unconfident_classes_change() -> None:
    before = logits(1, 2, 3, 4)
    before[3] = torch.linspace(0, 1, 10)
    after = before.clone()
    after[3] = after[3].flip(0)
    assert compare(before, after, compared("bfloat16", 0.7)).accepted
    assert not compare(before, after, compared("bfloat16", 0.8)).accepted


def sigmoid(precision: PrecisionName = "bfloat16") -> Compared:
    return Compared(precision, "onnx", "4 photos", 0.75, "sigmoid")


def test_of_sigmoid_scores_the_classes_that_apply_must_stay_too() -> None:
    before = torch.tensor([[3.0, 1.0, -3.0]] * 4)
    after = before.clone()
    after[0, 1] = -1.0  # the top-1 class stays, the second one applies no longer
    found = compare(before, after, sigmoid())
    assert (found.top_1_kept, found.confident, found.accepted) == (0.75, 4, False)
    assert found.score_change_p95 > 0.3
    assert compare(before, before + 0.1, sigmoid()).accepted


def test_of_one_class_the_side_of_a_half_must_stay() -> None:
    before = torch.tensor([[2.0], [0.1], [-0.1], [-2.0]])
    found = compare(before, torch.tensor([[2.1], [-0.1], [-0.2], [-1.9]]), sigmoid())
    assert (found.top_1_kept, found.confident, found.confident_top_1_kept) == (0.75, 2, 0.5)
    assert not found.accepted
    assert compare(before, before * 0.9, sigmoid()).accepted


@pytest.fixture
def source(tiny_directory: Path) -> SourceModel:
    return local.load(tiny_directory)


def test_bfloat16_moves_scores_a_little(source: SourceModel, photos: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(agreement, "HELD_OUT", 20)
    weights = {name: weight.clone() for name, weight in source.network.state_dict().items()}
    found = agreement.of_bfloat16(source, read_images(str(photos)), 0.99)
    assert (found.held_out, found.engine, found.images) == (20, "emulated", f"6 images of {photos.name}")
    assert 0 < found.score_change_mean < 0.01
    assert all(torch.equal(weight, weights[name]) for name, weight in source.network.state_dict().items())


class Rounding(nn.Module):
    """A product of numbers that bfloat16 cannot tell from others, and a sum that it could not hold."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.full((1, 4), 1 + 2**-9))

    def forward(self, values: Tensor) -> Tensor:
        total = torch.zeros(1, 1)
        total += 256.0
        total += values @ self.weight.T
        return total


def test_factors_are_rounded_and_sums_are_not() -> None:
    network, values = Rounding(), torch.ones(1, 4)
    with torch.inference_mode():
        assert float(network(values)) == 260 + 4 * 2**-9
        with agreement._Bfloat16():  # type: ignore[no-untyped-call]
            assert float(network(values)) == 260


class Mask(nn.Module):
    """Writes to a part of a tensor."""

    def forward(self, values: Tensor) -> Tensor:
        mask = torch.zeros(1, 4, 4)
        mask[:, :2] = 1
        return values * mask


def test_what_is_written_to_a_view_is_not_lost() -> None:
    values = torch.ones(1, 4, 4)
    with torch.no_grad(), agreement._Bfloat16():  # type: ignore[no-untyped-call]
        assert float(Mask()(values).sum()) == 8


def test_without_a_confident_input_nothing_is_accepted() -> None:
    before = torch.linspace(0, 1, 10).expand(4, 10)
    assert not compare(before, before, compared("bfloat16", 0.5)).accepted


def test_images_are_taken_from_the_whole_folder(source: SourceModel, monkeypatch: pytest.MonkeyPatch) -> None:
    images = SampleImages("five", [torch.full((3, 40, 40), 50 * index, dtype=torch.uint8) for index in range(5)])
    taken: list[list[Tensor]] = []

    def watched(given: list[Tensor], *_: object) -> Tensor:
        taken.append(given)
        return torch.zeros(2, 3, 32, 32)

    monkeypatch.setattr(agreement, "HELD_OUT", 3)
    monkeypatch.setattr(agreement, "inputs", watched)
    agreement.of_bfloat16(source, images, 0.99)
    assert [int(image[0, 0, 0]) for image in taken[0]] == [0, 100, 200]


def test_an_archive_says_what_bfloat16_changes(tiny_archive: Path) -> None:
    (found,) = read_manifest(tiny_archive).agreement
    assert (found.precision, found.engine, found.held_out) == ("bfloat16", "emulated", agreement.HELD_OUT)
    assert dataclasses.asdict(found)["images"] == "7 images of installed packages"
