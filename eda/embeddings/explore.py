"""Add the features of an archive's model to an exploration, with all that is measured on them."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
from threadpoolctl import threadpool_limits

from eda.check.embedding_rules import embedding_findings
from eda.check.findings import sort_findings
from eda.embeddings.cache import CACHE, open_cache
from eda.embeddings.clusters import cluster, cluster_table
from eda.embeddings.duplicates import SimilarPair, similar_pairs
from eda.embeddings.features import compute_features
from eda.embeddings.labels import doubtful_boxes
from eda.embeddings.map import project
from eda.embeddings.mixes import class_mixes
from eda.embeddings.neighbours import MAX_ROBUST_Z, nearest, outlier_scores, reduce
from eda.embeddings.network import open_network
from eda.embeddings.result import Embeddings, Features
from eda.explore import Exploration

MIN_IMAGES = 4
"""Fewer images with features are not compared."""


def explored_features(exploration: Exploration, archive: Path, cache: Path = CACHE) -> Features:
    """Return the features of an exploration's images and boxes by an archive's model; show progress on stderr.

    Raises:
        ArchiveError: the archive cannot compute features.
    """
    with open_network(archive) as network, open_cache(cache) as stored:
        return compute_features(exploration.dataset, exploration.images, exploration.boxes, network, stored)


def add_features(exploration: Exploration, features: Features) -> Exploration:
    """Return the exploration with what is measured on these features, and findings; unchanged with too few images."""
    if len(features.image_rows) < MIN_IMAGES:
        return exploration
    with threadpool_limits(1):  # two threads of BLAS wait for each other where other work has the CPUs too
        embeddings = measure(exploration, features)
    rows = exploration.findings.drop(columns="severity").to_dict("records")
    rows += embedding_findings(exploration.images, exploration.dataset.boxes, embeddings)
    return replace(exploration, embeddings=embeddings, findings=sort_findings(rows))


def measure(exploration: Exploration, features: Features) -> Embeddings:
    """Measure everything that `Embeddings` has."""
    neighbours = nearest(features.images)
    similarities, positions = neighbours
    reduced = reduce(features.images)
    labels = cluster(reduced)
    with ThreadPoolExecutor(1) as pool:  # t-SNE needs no GIL
        projection = pool.submit(project, reduced)
        pairs = similar_pairs(exploration.dataset, exploration.findings, features, neighbours)
    mapped, places = projection.result()
    classes = exploration.dataset.classes
    explored = exploration.images.loc[features.image_rows]
    images = pd.DataFrame(
        {
            "x": np.nan,
            "y": np.nan,
            "cluster": labels + 1,
            "mix": class_mixes(explored, classes),
            "top1": features.top1,
            "nearest": features.image_rows[positions[:, 0]],
            "similarity": similarities[:, 0],
            "outlier": (outlier := outlier_scores(similarities)),
            "unlike": outlier > MAX_ROBUST_Z,
        },
        index=features.image_rows,
    )
    images.iloc[mapped, [0, 1]] = places
    boxes = exploration.boxes.loc[features.box_rows]
    return Embeddings(
        features=features,
        images=images,
        clusters=cluster_table(explored, labels, features.top1, classes),
        pairs=pairs_table(pairs),
        doubtful=doubtful_boxes(reduce(features.boxes) if len(boxes) else features.boxes, boxes),
    )


def pairs_table(pairs: list[SimilarPair]) -> pd.DataFrame:
    """Return pairs as a table, altered copies first, each kind by similarity."""
    rows = [{**pair._asdict(), **pair.alignment._asdict()} for pair in pairs]
    columns = ["row", "other", "kind", "similarity", "correlation", "share", "mirrored"]
    table = pd.DataFrame(rows, columns=columns)
    return table.sort_values(["kind", "similarity"], ascending=False, ignore_index=True)
