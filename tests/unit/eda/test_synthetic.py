from pathlib import Path

import pytest
from PIL import Image

from eda.coco import read_coco
from eda.cppe5 import CLASS_NAMES
from eda.explore import Exploration
from eda.sources import open_dataset
from eda.synthetic import FULL_SIZE, IMAGE_SIZES, MIN_SAMPLE_SIZE, SMALL, Sample, write_sample


def test_schema_and_label(sample: Exploration) -> None:
    assert sample.dataset.synthetic
    assert sample.dataset.label.startswith("SYNTHETIC")
    assert sample.dataset.splits == ["train", "test"]
    assert set(sample.boxes["class_name"]) == set(CLASS_NAMES)


def test_same_seed(tmp_path: Path) -> None:
    first, again = (write_sample(tmp_path / name, MIN_SAMPLE_SIZE, seed=3) for name in ("first", "again"))
    assert again == first
    images = [(tmp_path / name / "images" / "3.jpg").read_bytes() for name in ("first", "again")]
    assert images[0] == images[1]


def test_other_seed(sample_folder: tuple[Path, Sample], tmp_path: Path) -> None:
    other = write_sample(tmp_path / "other", MIN_SAMPLE_SIZE, seed=1)
    boxes = other.documents["train"]["annotations"]
    assert boxes != sample_folder[1].documents["train"]["annotations"][: len(boxes)]


def test_smallest_sample(tmp_path: Path) -> None:
    write_sample(tmp_path / "small", MIN_SAMPLE_SIZE)
    assert len(read_coco(tmp_path / "small").images) == MIN_SAMPLE_SIZE


def test_small_sample(tmp_path: Path) -> None:
    write_sample(tmp_path / "small", 200, kind=SMALL)
    dataset = read_coco(tmp_path / "small")
    assert len(dataset.boxes) / 200 == pytest.approx(5, rel=0.15)
    largest = max(max(size) for size in IMAGE_SIZES)
    with Image.open(tmp_path / "small" / "images" / "3.jpg") as image:
        assert max(image.size) <= largest * SMALL.scale


def test_file_size_and_box_density(sample: Exploration) -> None:
    # The Hub: 241 MB for 1,029 images with about 4,698 boxes.
    assert sample.images["bytes"].mean() == pytest.approx(241e6 / FULL_SIZE, rel=0.3)
    assert len(sample.boxes) / len(sample.images) == pytest.approx(4698 / FULL_SIZE, rel=0.3)


def test_sample_is_deleted_on_exit() -> None:
    with open_dataset(synthetic=MIN_SAMPLE_SIZE) as dataset:
        assert dataset.files.read(0)
        assert "generated sample of 10 images" in dataset.label
    with pytest.raises(FileNotFoundError):
        dataset.files.read(0)
