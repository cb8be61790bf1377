"""Altered copies and photos of one scene."""

import numpy as np
import pandas as pd
import pytest

from eda.check import check
from eda.embeddings.cache import Cache
from eda.embeddings.duplicates import reported, similar_pairs
from eda.embeddings.explore import add_features
from eda.embeddings.neighbours import nearest, reduce
from eda.embeddings.result import Features
from eda.embeddings.trial.copies import ALTERATIONS, find_copies, with_copies
from eda.explore import explore
from eda.images import image_facts
from tests.conftest import PROJECT
from tests.unit.eda.faults import copy_image
from tests.unit.eda.features import drawn_photo, embed, histogram_network
from tests.unit.eda.folder import CocoFolder

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


@pytest.mark.parametrize("test", [0, 1, 2])
def test_pairs_of_a_photo_that_is_there_many_times_are_not_found_again(
    coco: CocoFolder, cache: Cache, test: int
) -> None:
    """The hashes' findings name each copy once for each split, not each pair."""
    coco.add_images(3)
    for image_id in (2, 101, 102, *(3, 4)[:test]):
        copy_image(coco, 1, image_id)
    found = explore(coco.dataset())
    named = found.findings["rule"].value_counts().to_dict()
    assert named["photo-duplicate"] == 3 + max(0, test - 1)
    assert named.get("leak-duplicate", 0) == test
    added = add_features(found, embed(found, cache)).findings["rule"]
    assert not added.isin(["photo-similar", "leak-similar"]).any()


def test_a_copy_of_a_leaked_photos_copy_is_still_found(coco: CocoFolder) -> None:
    dataset = coco.dataset()
    pairs = [("leak-duplicate", (2, 0)), ("photo-near-duplicate", (3, 2))]
    known = reported(dataset, pd.DataFrame(pairs, columns=["rule", "image_rows"]))
    assert [known(row, other) for row, other in ((2, 0), (3, 2), (3, 0), (1, 0))] == [True, True, False, False]
