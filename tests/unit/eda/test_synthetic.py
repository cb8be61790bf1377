from pathlib import Path

import pytest

from eda.coco import read_coco
from eda.cppe5 import CLASS_NAMES
from eda.explore import Exploration
from eda.sources import open_dataset
from eda.synthetic import FULL_SIZE, SMALLEST_SAMPLE, Sample, write_sample


def test_the_sample_is_of_the_same_schema_and_says_that_it_is_synthetic(sample: Exploration) -> None:
    assert sample.dataset.synthetic
    assert sample.dataset.label.startswith("SYNTHETIC")
    assert sample.dataset.splits == ["train", "test"]
    assert set(sample.boxes["class_name"]) == set(CLASS_NAMES)


def test_the_same_seed_gives_the_same_sample(tmp_path: Path) -> None:
    first, again = (write_sample(tmp_path / name, SMALLEST_SAMPLE, seed=3) for name in ("first", "again"))
    assert again == first
    photos = [(tmp_path / name / "images" / "3.jpg").read_bytes() for name in ("first", "again")]
    assert photos[0] == photos[1]


def test_another_seed_gives_others(sample_folder: tuple[Path, Sample], tmp_path: Path) -> None:
    other = write_sample(tmp_path / "other", SMALLEST_SAMPLE, seed=1)
    boxes = other.documents["train"]["annotations"]
    assert boxes != sample_folder[1].documents["train"]["annotations"][: len(boxes)]


def test_the_smallest_sample_can_be_loaded(tmp_path: Path) -> None:
    write_sample(tmp_path / "small", SMALLEST_SAMPLE)
    assert len(read_coco(tmp_path / "small").images) == SMALLEST_SAMPLE


def test_photos_are_of_the_weight_and_the_density_of_the_real_ones(sample: Exploration) -> None:
    # the Hub: 241 MB for 1,029 photos with about 4,698 boxes
    assert sample.images["bytes"].mean() == pytest.approx(241e6 / FULL_SIZE, rel=0.3)
    assert len(sample.boxes) / len(sample.images) == pytest.approx(4698 / FULL_SIZE, rel=0.3)


def test_a_sample_lives_only_as_long_as_it_is_open() -> None:
    with open_dataset(synthetic=SMALLEST_SAMPLE) as dataset:
        assert dataset.photos.read(0)
        assert "generated sample of 10 photos" in dataset.label
    with pytest.raises(FileNotFoundError):
        dataset.photos.read(0)
