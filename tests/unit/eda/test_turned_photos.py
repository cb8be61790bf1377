"""Photos that EXIF asks to turn, with boxes that were drawn on the turned photo, as browsers show it."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageOps

from eda.dataset import Dataset
from eda.explore import Exploration, explore
from eda.images import open_image
from eda.sources import read_folder
from tests.unit.eda.folder import HEIGHT, WIDTH, CocoFolder
from tests.unit.eda.test_yolo import YoloFolder

BELOW = [10, HEIGHT + 10, 40, 50]
"""A box that lies on the upright photo, but past the stored one."""


def turn(coco: CocoFolder, orientation: int, kind: str) -> tuple[Dataset, Image.Image]:
    """Let EXIF ask to turn a photo whose fields and boxes are those of the turned one; return that one, too."""
    exif, stored = Image.Exif(), coco.draw(1)
    exif[0x0112] = orientation
    (coco.path / "images" / "1.jpg").unlink()
    stored.save(coco.path / "images" / f"1.{kind}", exif=exif)
    entry = coco.documents["train"]["images"][0]
    entry |= {"file_name": f"1.{kind}", "width": HEIGHT, "height": WIDTH}
    coco.box(0)["bbox"], coco.box(1)["bbox"] = BELOW, [60, 20, 40, 50]
    stored.getexif()[0x0112] = orientation
    return coco.dataset(), ImageOps.exif_transpose(stored)


def frames(found: Exploration) -> list[list[float]]:
    return [[float(side) for side in row] for row in found.images[["frame_width", "frame_height"]].to_numpy()]


@pytest.mark.parametrize("kind", ["jpg", "tif", "png"])
@pytest.mark.parametrize("orientation", [5, 6, 7, 8])
def test_boxes_of_the_turned_photo(coco: CocoFolder, orientation: int, kind: str) -> None:
    dataset, upright = turn(coco, orientation, kind)
    found = explore(dataset)
    assert found.findings["rule"].to_list() == ["photo-rotated"]
    assert "the boxes are taken so" in found.findings["message"].iloc[0]
    assert frames(found) == [[HEIGHT, WIDTH], *[[WIDTH, HEIGHT]] * 3]
    assert (found.excluded_boxes, found.boxes["cy"].iloc[0]) == (0, pytest.approx((HEIGHT + 35) / WIDTH))
    # What reads the photo for features turns it as EXIF asks where this is 1.
    assert found.images["orientation"].iloc[0] == 1
    drawn = open_image(dataset, 0, WIDTH)
    assert drawn.size == upright.size == (HEIGHT, WIDTH)
    assert np.abs(np.asarray(drawn, dtype=int) - np.asarray(upright, dtype=int)).mean() < 20


@pytest.mark.parametrize(
    ("orientation", "size"), [(1, (HEIGHT, WIDTH)), (3, (HEIGHT, WIDTH)), (6, (HEIGHT, WIDTH + 1))]
)
def test_a_wrong_size_is_no_turn(coco: CocoFolder, orientation: int, size: tuple[int, int]) -> None:
    turn(coco, orientation, "jpg")
    coco.documents["train"]["images"][0] |= {"width": size[0], "height": size[1]}
    found = explore(coco.dataset())
    assert {"image-size-differs", "box-past-photo"} <= set(found.findings["rule"])
    assert frames(found)[0] == [WIDTH, HEIGHT]
    assert open_image(found.dataset, 0, WIDTH).size == (WIDTH, HEIGHT)


@pytest.mark.parametrize("orientation", [6, 8])
def test_yolo_labels_are_shares_of_the_turned_photo(tmp_path: Path, orientation: int) -> None:
    yolo = YoloFolder(tmp_path / "pets")
    exif = Image.Exif()
    exif[0x0112] = orientation
    CocoFolder.draw(1).save(yolo.path / "images" / "val" / "val.jpg", exif=exif)
    x, y, w, h = BELOW
    yolo.label("val").write_text(f"0 {(x + w / 2) / HEIGHT} {(y + h / 2) / WIDTH} {w / HEIGHT} {h / WIDTH}\n")
    found = explore(read_folder(yolo.path))
    assert found.boxes[["x", "y", "w", "h"]].iloc[-1].to_list() == pytest.approx(BELOW)
    assert found.findings["rule"].to_list() == ["photo-rotated"]
    assert open_image(found.dataset, 1, WIDTH).size == (HEIGHT, WIDTH)
