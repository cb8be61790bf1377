"""Clusters, the map and mixes of classes."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pandas as pd
import pytest
from sklearn.manifold import TSNE
from threadpoolctl import threadpool_info, threadpool_limits

from eda.embeddings.clusters import cluster, cluster_table
from eda.embeddings.map import MAX_MAPPED, project
from eda.embeddings.mixes import MAX_MIXES, NO_BOX, OTHER_MIXES, class_mixes
from eda.embeddings.neighbours import reduce
from tests.unit.eda.features import blobs


def test_clusters_are_the_groups_largest_first() -> None:
    vectors, groups = blobs((10, 40, 25))
    labels = cluster(reduce(vectors))
    assert labels.max() == 2
    for group, number in ((1, 0), (2, 1), (0, 2)):
        assert set(labels[groups == group]) == {number}


def test_a_cluster_is_named_by_its_classes() -> None:
    labels = np.array([0] * 6 + [1] * 4)
    images = pd.DataFrame(
        {"split": ["train"] * 8 + ["test"] * 2, "shows cup": [True] * 6 + [False] * 4, "shows hat": [True] * 10}
    )
    table = cluster_table(images, labels, ["mug"] * 6 + ["cap"] * 4, ("cup", "hat"))
    assert list(table["images"]) == [6, 4]
    assert list(table["shows"]) == ["cup in 100% (lift 1.7)", "as all images"]
    assert list(table["top-1"]) == ["mug (100%)", "cap (100%)"]
    assert list(table["splits"]) == ["train 6", "train 2, test 2"]


def test_the_map_is_the_same_each_time() -> None:
    vectors, groups = blobs((20, 20))
    positions, places = project(reduce(vectors))
    assert list(positions) == list(range(40))
    assert np.array_equal(project(reduce(vectors))[1], places)
    centres = [places[groups == group].mean(axis=0) for group in (0, 1)]
    spread = max(places[groups == group].std() for group in (0, 1))
    assert np.linalg.norm(centres[0] - centres[1]) > spread


def test_the_map_takes_one_thread_wherever_it_is_computed(monkeypatch: pytest.MonkeyPatch) -> None:
    threads: set[int] = set()
    fit_transform = TSNE.fit_transform

    def watched(tsne: TSNE, vectors: np.ndarray) -> np.ndarray:
        threads.update(each["num_threads"] for each in threadpool_info() if each["user_api"] == "openmp")
        return np.asarray(fit_transform(tsne, vectors))

    monkeypatch.setattr(TSNE, "fit_transform", watched)
    with threadpool_limits(1), ThreadPoolExecutor(1) as pool:
        pool.submit(project, reduce(blobs((20,))[0])).result()
    assert threads == {1}


def test_a_map_has_a_sample_of_many_images(monkeypatch: pytest.MonkeyPatch) -> None:
    assert MAX_MAPPED == 3000
    monkeypatch.setattr("eda.embeddings.map.MAX_MAPPED", 30)
    positions, places = project(reduce(blobs((50,))[0]))
    assert len(positions) == len(set(positions)) == len(places) == 30


def test_equal_images_are_clustered_too() -> None:
    assert len(cluster(np.ones((40, 8), np.float32))) == 40


def test_mixes_are_the_combinations_of_classes() -> None:
    images = pd.DataFrame(
        {"shows cup": [True, True, False, True], "shows hat": [False, True, False, True]}, [4, 5, 6, 7]
    )
    mixes = class_mixes(images, ("cup", "hat"))
    assert list(mixes.items()) == [(4, "cup"), (5, "cup + hat"), (6, NO_BOX), (7, "cup + hat")]
    assert list(mixes.cat.categories) == ["cup + hat", "cup", NO_BOX]


def test_rare_mixes_are_one_group() -> None:
    classes = tuple("abcd")
    rows = [[bool(number >> bit & 1) for bit in range(4)] for number in range(16) for _ in range(16 - number)]
    mixes = class_mixes(pd.DataFrame(rows, columns=[f"shows {name}" for name in classes]), classes)
    assert len(mixes.cat.categories) == MAX_MIXES + 1
    assert mixes.cat.categories[0] == NO_BOX
    assert mixes.cat.categories[-1] == OTHER_MIXES
    assert (mixes == OTHER_MIXES).sum() == sum(range(1, 7))
    assert not mixes.isna().any()
