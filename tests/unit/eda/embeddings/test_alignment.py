"""One image within another."""

import io

import pytest
from PIL import Image, ImageOps

from eda.embeddings.alignment import align, search, thumbnail
from tests.unit.eda.features import drawn_photo


def photo(seed: int) -> Image.Image:
    with Image.open(io.BytesIO(drawn_photo(seed))) as image:
        return image.convert("RGB")


@pytest.mark.parametrize("mirrored", [False, True])
@pytest.mark.parametrize("corner", [(0, 0), (60, 20), (83, 62)])
def test_a_part_is_found_wherever_it_is(corner: tuple[int, int], mirrored: bool) -> None:
    whole = photo(1)
    width, height = round(0.7 * whole.width), round(0.7 * whole.height)
    part = whole.crop((*corner, corner[0] + width, corner[1] + height))
    part = ImageOps.mirror(part) if mirrored else part
    for pair in ((whole, part), (part, whole)):
        found = align(*[thumbnail(image) for image in pair])
        assert found.correlation > 0.9
        assert found.mirrored is mirrored
        assert found.share == pytest.approx(0.49, abs=0.05)


def test_other_photos_do_not_align() -> None:
    assert align(thumbnail(photo(1)), thumbnail(photo(2))).correlation < 0.7


def test_a_part_that_would_wrap_round_the_edge_is_not_found() -> None:
    whole = thumbnail(photo(1))
    half = whole.width // 2
    wrapped = Image.new("L", whole.size)
    wrapped.paste(whole.crop((half, 0, whole.width, whole.height)), (0, 0))
    wrapped.paste(whole.crop((0, 0, half, whole.height)), (whole.width - half, 0))
    assert search(whole, wrapped).correlation < 0.8
