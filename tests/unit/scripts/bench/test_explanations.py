"""`bench explanations`: an explanation of what a network looks at is faithful, and the command measures all methods."""

import json
from pathlib import Path

import pytest
import torch
from torch import Tensor

from handler.explanations.occlusion import GRIDS
from scripts.bench import explanations
from scripts.bench.faithfulness import area, faithfulness, ranks
from scripts.common.errors import CommandError
from tests.conftest import encoded, picture

RIGHT = torch.tensor([[0.0, 0.0], [0.0, 1.0]])


def corner(batch: Tensor) -> Tensor:
    """Return the scores of a network that looks at one quarter of the image, and for sharp edges there."""
    there = batch[:, 0, 16:, 16:].abs().mean((1, 2)).clamp(max=1)
    return torch.stack([1 - there, there], dim=1)


def image() -> Tensor:
    stripes = (torch.arange(32) % 2 * 2 - 1).float()
    return stripes.expand(3, 32, 32).clone()


def test_a_right_explanation_is_more_faithful_than_a_wrong_one() -> None:
    right, wrong = (faithfulness(corner, image(), 1, grid) for grid in (RIGHT, -RIGHT))
    assert right.deletion + 0.2 < wrong.deletion
    assert right.insertion > wrong.insertion + 0.2


def test_a_network_that_looks_at_nothing_has_the_same_areas_for_all() -> None:
    def constant(batch: Tensor) -> Tensor:
        return torch.full((len(batch), 2), 0.25)

    found = faithfulness(constant, image(), 1, RIGHT)
    assert (found.deletion, found.insertion) == (0.25, 0.25)


def test_the_area_under_a_line() -> None:
    assert area(torch.tensor([0.0, 0.5, 1.0])) == 0.5
    assert area(torch.tensor([1.0, 1.0, 0.0])) == 0.75


def test_the_order_begins_with_what_speaks_most() -> None:
    order = ranks(RIGHT, (4, 4))
    assert float(order[3, 3]) == 0
    assert sorted(order.flatten().tolist()) == [place / 16 for place in range(16)]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "images").mkdir()
    for index in range(3):
        (tmp_path / "images" / f"{index}.png").write_bytes(encoded(picture(60 + index, 48), "PNG"))
    return tmp_path / "images"


def test_the_command(
    tiny_directory: Path, tiny_archive: Path, folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    figures = tmp_path / "build" / "explanations.json"
    explanations.run(str(tiny_directory), str(folder), quick=True, store=tiny_archive.parent, figures=figures)
    found = json.loads(figures.read_text())
    assert found["images"] == 2
    assert found["cost"]["ratio"] > 0
    methods = ["class-activation-map", "occlusion", explanations.GRAD_CAM, explanations.RANDOM]
    assert list(found["faithfulness"]) == methods
    exact, occlusion, grad_cam, random = found["faithfulness"].values()
    # Behind average pooling and a linear layer, Grad-CAM is the class activation map to a factor.
    assert exact["deletion"] == pytest.approx(grad_cam["deletion"], abs=1e-3)
    assert exact["insertion"] == pytest.approx(grad_cam["insertion"], abs=1e-3)
    assert occlusion["each"] != exact["each"]
    assert 0 < random["deletion"] < 1
    assert found["occlusion"]["fewest_runs"] in [side * side for side in GRIDS]
    assert 0 < found["occlusion"]["seconds"] < 3 * found["occlusion"]["limit_seconds"]
    printed = capsys.readouterr().out
    for name in (*methods, "times", "covered copies"):
        assert name in printed


def test_a_folder_without_images(tiny_directory: Path, tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="no image in"):
        explanations.run(str(tiny_directory), str(tmp_path), quick=True)
