"""Nearest neighbours, exact and in cells, and outliers."""

import numpy as np
import pytest

from eda.embeddings.neighbours import nearest, neighbourhoods, outlier_scores, reduce
from tests.unit.eda.features import blobs


def test_nearest_neighbours_and_outlier() -> None:
    vectors, _ = blobs((30,))
    vectors = np.vstack([vectors, -np.ones((1, 32), np.float32)])
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    similarities, positions = nearest(vectors)
    assert positions.shape == (31, 5)
    assert all(position not in row for position, row in enumerate(positions))
    assert np.allclose(similarities[0, 0], vectors[0] @ vectors[positions[0, 0]], atol=1e-5)
    scores = outlier_scores(similarities)
    assert scores.argmax() == 30
    assert scores[30] > 3.5
    assert (scores[:30] < 3.5).all()


def recall_of(found: np.ndarray, exact: np.ndarray) -> float:
    return float(np.mean([len(set(a) & set(b)) / len(b) for a, b in zip(found, exact, strict=True)]))


def test_neighbours_of_many_are_those_of_all(monkeypatch: pytest.MonkeyPatch) -> None:
    vectors = reduce(blobs((400, 300, 200, 100))[0])
    similarities, exact = nearest(vectors)
    monkeypatch.setattr("eda.embeddings.neighbours.MAX_COMPARED", 250)
    some, found = nearest(vectors)
    assert recall_of(found[:, :1], exact[:, :1]) >= 0.9
    assert recall_of(found, exact) >= 0.85
    assert (some <= similarities + 1e-5).all()
    assert (np.diff(some, axis=1) <= 1e-6).all()


def test_many_are_not_compared_with_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("eda.embeddings.neighbours.MAX_COMPARED", 100)
    compared = [(len(members), len(others)) for members, others in neighbourhoods(blobs((500, 500))[0])]
    assert sum(members for members, _ in compared) == 1000
    assert sum(members * others for members, others in compared) < 0.3 * 1000**2
    assert min(others for _, others in compared) >= 100


@pytest.mark.parametrize("most", [3000, 30])
def test_equal_vectors_are_neighbours_but_no_vector_is_its_own(monkeypatch: pytest.MonkeyPatch, most: int) -> None:
    monkeypatch.setattr("eda.embeddings.neighbours.MAX_COMPARED", most)
    vectors = np.repeat(blobs((6,))[0], 12, axis=0)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    similarities, positions = nearest(vectors)
    assert np.allclose(similarities, 1, atol=1e-5)
    assert (positions // 12 == np.arange(72)[:, None] // 12).all()
    assert (positions != np.arange(72)[:, None]).all()


def test_components_of_a_sample_fit_all(monkeypatch: pytest.MonkeyPatch) -> None:
    vectors, groups = blobs((60, 60))
    monkeypatch.setattr("eda.embeddings.neighbours.MAX_FITTED", 40)
    reduced = reduce(vectors)
    assert reduced.shape == (120, 32)
    assert np.allclose(np.linalg.norm(reduced, axis=1), 1, atol=1e-5)
    _, positions = nearest(reduced, 1)
    assert (groups[positions[:, 0]] == groups).all()
