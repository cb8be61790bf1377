"""The distances, compared with their definitions."""

import numpy as np
import pytest
import scipy.linalg

from handler.drift.statistics import Features, Floats, Gaussian, population_stability_index

DIMENSIONS, RANK = 12, 4


def features(count: int, seed: int = 0, scale: float = 1.0, shift: float = 0.0) -> Features:
    """Return features with large variances in a few directions, (count, DIMENSIONS)."""
    spread = np.diag(scale * np.geomspace(3, 0.05, DIMENSIONS))
    rotation, _ = np.linalg.qr(np.random.default_rng(9).standard_normal((DIMENSIONS, DIMENSIONS)))
    found: Floats = np.random.default_rng(seed).standard_normal((count, DIMENSIONS)) @ spread @ rotation + shift
    return found.astype(np.float32)


def covariance_of(gaussian: Gaussian) -> Floats:
    """Return the whole matrix."""
    basis = gaussian.basis.astype(np.float64)
    beyond = np.eye(DIMENSIONS) - basis @ basis.T
    whole: Floats = basis @ np.diag(gaussian.variances) @ basis.T + gaussian.remainder * beyond
    return whole


def test_population_stability_index() -> None:
    # (p - q) ln(p / q) of the shares 3.5/5, 1.5/5 and 1.5/5, 3.5/5: half an image is added to each bin.
    expected = 2 * (0.7 - 0.3) * np.log(0.7 / 0.3)
    assert population_stability_index(np.array([3, 1]), np.array([1, 3])) == pytest.approx(expected)


def test_the_same_shares_have_an_index_of_0() -> None:
    assert population_stability_index(np.array([5, 3, 0]), np.array([5, 3, 0])) == 0


def test_an_empty_bin_has_a_finite_index() -> None:
    assert 0.5 < population_stability_index(np.array([0, 9]), np.array([9, 0])) < 10


def test_the_index_of_unchanged_images_is_as_theory_has_it() -> None:
    random = np.random.default_rng(0)
    shares, images, reference = np.full(8, 1 / 8), 400, 1000
    found = [
        population_stability_index(random.multinomial(images, shares), random.multinomial(reference, shares))
        for _ in range(400)
    ]
    assert np.mean(found) == pytest.approx((8 - 1) * (1 / images + 1 / reference), rel=0.1)


@pytest.mark.parametrize("images", [8, 40])
def test_shrinkage_is_the_one_that_ledoit_and_wolf_define(images: int) -> None:
    sample = features(images)
    centred = sample.astype(np.float64) - sample.mean(axis=0)
    covariance = centred.T @ centred / len(sample)
    mean = np.trace(covariance) / DIMENSIONS
    spread = ((covariance - mean * np.eye(DIMENSIONS)) ** 2).sum()
    error = sum(((np.outer(row, row) - covariance) ** 2).sum() for row in centred) / len(sample) ** 2
    assert Gaussian.fit(sample, RANK).shrinkage == pytest.approx(error / spread, rel=1e-4)


@pytest.mark.parametrize("images", [DIMENSIONS - 1, 60])
def test_the_covariance_is_the_shrunk_one_in_its_main_directions(images: int) -> None:
    sample = features(images)
    gaussian = Gaussian.fit(sample, DIMENSIONS - 1)
    covariance = np.cov(sample.T.astype(np.float64), bias=True)
    mean = np.trace(covariance) / DIMENSIONS
    shrunk = (1 - gaussian.shrinkage) * covariance + gaussian.shrinkage * mean * np.eye(DIMENSIONS)
    assert 0 < gaussian.shrinkage < 1
    np.testing.assert_allclose(covariance_of(gaussian), shrunk, atol=1e-4)
    assert np.trace(covariance_of(Gaussian.fit(sample, RANK))) == pytest.approx(np.trace(covariance), rel=1e-5)


@pytest.mark.parametrize(("scale", "shift"), [(1.0, 0.0), (1.5, 0.0), (1.0, 0.7), (0.4, 0.2)])
def test_the_distance_is_frechet_s_of_the_whole_matrices(scale: float, shift: float) -> None:
    gaussian = Gaussian.fit(features(80), RANK)
    sample = features(60, 1, scale, shift)
    mean = sample.mean(axis=0, dtype=np.float64)
    covariance = np.cov(sample.T.astype(np.float64), bias=True)
    basis = gaussian.basis.astype(np.float64)
    block = basis.T @ covariance @ basis
    trace = np.trace(covariance)
    beyond = (trace - np.trace(block)) / (DIMENSIONS - RANK) * (np.eye(DIMENSIONS) - basis @ basis.T)
    kept = 1 - gaussian.shrinkage
    other = kept * (basis @ block @ basis.T + beyond) + gaussian.shrinkage * trace / DIMENSIONS * np.eye(DIMENSIONS)
    own = covariance_of(gaussian)
    root = scipy.linalg.sqrtm(scipy.linalg.sqrtm(own) @ other @ scipy.linalg.sqrtm(own)).real
    expected = ((mean - gaussian.mean) ** 2).sum() + np.trace(own + other - 2 * root)
    assert gaussian.distance(sample, gaussian.project(sample)) == pytest.approx(expected, rel=1e-3, abs=1e-4)


def test_the_distance_of_the_images_themselves_is_0() -> None:
    sample = features(100)
    gaussian = Gaussian.fit(sample, RANK)
    assert gaussian.distance(sample, gaussian.project(sample)) == pytest.approx(0, abs=1e-3)


@pytest.mark.parametrize("images", [2, 5])
def test_fewer_images_than_directions_have_a_distance(images: int) -> None:
    gaussian = Gaussian.fit(features(images), RANK)
    sample = features(20, 1)
    assert np.isfinite(gaussian.distance(sample, gaussian.project(sample)))


def test_images_without_any_difference_have_a_distance() -> None:
    gaussian = Gaussian.fit(np.ones((10, DIMENSIONS), dtype=np.float32), RANK)
    sample = np.zeros((20, DIMENSIONS), dtype=np.float32)
    assert gaussian.distance(sample, gaussian.project(sample)) == pytest.approx(DIMENSIONS)
