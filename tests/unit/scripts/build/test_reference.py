"""The reference that images make, and what its limits promise."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from handler.drift.reference import Images, Reference, Statistic
from scripts.build.reference import MAX_RANK, SIZES, reference_of
from tests.traffic import traffic

STATISTICS: tuple[Statistic, ...] = ("classes", "confidence", "features")


@pytest.fixture(scope="module")
def reference() -> Reference:
    return reference_of(traffic(400, 0))


def ratios(reference: Reference, images: Images) -> dict[Statistic, float]:
    """Return each distance of images as a multiple of its limit."""
    found = reference.distances(reference.project(images))
    return {name: distance / reference.limit(name, len(images)) for name, distance in found.items()}


def test_frequent_classes_have_bins_and_the_others_two() -> None:
    classes = np.array([7] * 160 + [3] * 40 + [1, 1, 2, 2], dtype=np.int64)
    images = dataclasses.replace(traffic(len(classes), 0), classes=classes)
    found = reference_of(images)
    assert found.frequent.tolist() == [7, 3]
    assert found.rare.tolist() == [1, 2]
    assert found.classes.tolist() == [160, 40, 4, 0]


def test_classes_of_one_image_stand_for_those_that_no_image_has() -> None:
    classes = np.array([7] * 200 + [1, 2, 3, 4, 4], dtype=np.int64)
    found = reference_of(dataclasses.replace(traffic(len(classes), 0), classes=classes))
    assert found.rare.tolist() == [1, 2, 3, 4]
    assert found.classes.tolist() == [200, 2, 3]


def test_bins_of_classes(reference: Reference) -> None:
    found = dataclasses.replace(reference, frequent=np.array([7, 3]), rare=np.array([1, 2]))
    assert found.class_counts(np.array([3, 3, 2, 9, 8, 9])).tolist() == [0, 2, 1, 3]


def test_each_bin_of_confidence_has_as_many_images(reference: Reference) -> None:
    assert reference.confidences.sum() == reference.images == 400
    assert set(reference.confidences) <= {39, 40, 41}


@pytest.mark.parametrize(("images", "rank"), [(200, 10), (900, MAX_RANK)])
def test_more_images_support_more_directions(images: int, rank: int) -> None:
    features = reference_of(traffic(images, 0)).features
    assert features is not None
    assert features.basis.shape == (40, rank)


def test_no_features_no_distance_of_them() -> None:
    images = dataclasses.replace(traffic(200, 0), features=None)
    found = reference_of(images)
    assert found.features is None
    assert set(found.distances(found.project(images))) == set(found.scales) == {"classes", "confidence"}


@pytest.mark.parametrize("size", [*SIZES, 130, 5000])
@pytest.mark.parametrize("name", STATISTICS)
def test_unchanged_images_stay_below_the_limit(reference: Reference, name: Statistic, size: int) -> None:
    found = [ratios(reference, traffic(size, seed))[name] for seed in range(1, 61)]
    assert sum(ratio > 1 for ratio in found) <= 2


@pytest.mark.parametrize("size", SIZES)
def test_a_reference_of_few_images_is_quiet_too(size: int) -> None:
    few = reference_of(traffic(200, 0))
    found = [max(ratios(few, traffic(size, seed)).values()) for seed in range(1, 41)]
    assert sum(ratio > 1 for ratio in found) <= 3


def test_features_of_many_dimensions_stay_below_the_limit() -> None:
    def wide(count: int, seed: int) -> Images:
        features = np.random.default_rng(seed).standard_normal((count, 600)) * np.geomspace(1, 0.02, 600)
        return dataclasses.replace(traffic(count, seed), features=np.maximum(features, 0).astype(np.float32))

    for images in (200, 500):
        found = reference_of(wide(images, 0))
        for size in (100, 500):
            assert max(ratios(found, wide(size, seed))["features"] for seed in range(1, 21)) < 1


@pytest.mark.parametrize(
    ("name", "change"), [("classes", {"turn": 8}), ("confidence", {"confident": 1.5}), ("features", {"shift": 0.3})]
)
def test_each_statistic_sees_its_own_change(reference: Reference, name: Statistic, change: dict[str, float]) -> None:
    for seed in range(1, 6):
        found = ratios(reference, traffic(200, seed, **change))  # type: ignore[arg-type]
        assert found.pop(name) > 1.5
        assert max(found.values()) < 1.2


def test_the_limit_falls_as_the_sample_grows(reference: Reference) -> None:
    for name in STATISTICS:
        limits = [reference.limit(name, size) for size in (100, 300, 800, 2000)]
        assert limits == sorted(limits, reverse=True)
        assert limits[-1] > reference.limit(name, 10_000) > 0


def alike(count: int, seed: int, others: float = 0.0) -> Images:
    """Return images of one class with one confidence, but for a share of others."""
    rest = np.random.default_rng(seed).random(count) < others
    confidences = np.where(rest, 0.5, 1.0).astype(np.float32)
    return Images(rest.astype(np.int64), confidences)


@pytest.mark.parametrize("images", [200, 240, 400, 1000, 3000])
@pytest.mark.parametrize("others", [0.0, 0.01])
def test_images_of_one_class_and_one_confidence_have_limits_too(images: int, others: float) -> None:
    found = reference_of(alike(images, 0, others))
    for size in SIZES:
        unchanged, changed = (ratios(found, alike(size, 1, share)).values() for share in (others, others + 0.2))
        assert max(unchanged) < 1 < min(changed)


def test_features_that_never_differ_are_left_out() -> None:
    same = np.ones((200, 40), dtype=np.float32)
    found = reference_of(dataclasses.replace(traffic(200, 0), features=same))
    assert found.features is None
    assert set(found.scales) == {"classes", "confidence"}


def test_the_same_images_make_the_same_file(tmp_path: Path) -> None:
    one, other = tmp_path / "one.npz", tmp_path / "other.npz"
    reference_of(traffic(200, 0)).save(one)
    reference_of(traffic(200, 0)).save(other)
    assert one.read_bytes() == other.read_bytes()


@pytest.mark.parametrize("with_features", [True, False])
def test_a_file_is_read_as_it_was_written(tmp_path: Path, with_features: bool) -> None:
    images = traffic(200, 0)
    written = reference_of(images if with_features else dataclasses.replace(images, features=None))
    written.save(tmp_path / "reference.npz")
    read = Reference.load(tmp_path / "reference.npz")
    assert (read.images, read.features is None) == (200, not with_features)
    assert ratios(read, traffic(300, 1)) == ratios(written, traffic(300, 1))
