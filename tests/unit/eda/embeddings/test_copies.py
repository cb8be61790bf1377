"""Altered copies and photos of one scene."""

import numpy as np
import pytest

from eda.check import check
from eda.embeddings.cache import Cache
from eda.embeddings.duplicates import similar_pairs
from eda.embeddings.neighbours import nearest, reduce
from eda.embeddings.result import Features
from eda.embeddings.trial.copies import ALTERATIONS, find_copies, with_copies
from eda.images import image_facts
from tests.conftest import PROJECT
from tests.unit.eda.features import drawn_photo, histogram_network

COCO_PHOTOS = PROJECT.parent / "shared" / "photos" / "coco"


@pytest.mark.parametrize("name", ALTERATIONS)
def test_altered_copies_of_drawn_photos_are_found(name: str, cache: Cache) -> None:
    found = find_copies([drawn_photo(seed) for seed in range(8)], name, histogram_network(), cache)
    assert found["recall"] >= 0.75, found
    assert found["precision"] == 1


@pytest.mark.skipif(not COCO_PHOTOS.is_dir(), reason="needs ../shared/photos/coco")
def test_altered_copies_of_real_photos_are_found(cache: Cache) -> None:
    photos = [path.read_bytes() for path in sorted(COCO_PHOTOS.iterdir())]
    found = find_copies(photos, "cropped to 60% and mirrored", histogram_network(), cache)
    assert found["hash recall"] <= 0.2
    assert found["recall"] >= 0.85, found
    assert found["precision"] == 1


def test_images_with_unusually_similar_features_show_one_scene() -> None:
    """Features alone cannot tell: the pixels of these photos do not align."""
    vectors = reduce(np.random.default_rng(0).normal(size=(12, 64)).astype(np.float32))
    dataset = with_copies([drawn_photo(number) for number in range(12)], [], "mirrored")
    vectors[7] = vectors[2] + 0.01
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    features = Features("none", vectors, np.arange(12), ["x"] * 12, vectors[:0], np.arange(0))
    found = similar_pairs(dataset, check(dataset, image_facts(dataset)), features, nearest(vectors))
    assert [(pair.row, pair.other, pair.kind) for pair in found] == [(7, 2, "same-scene")]
