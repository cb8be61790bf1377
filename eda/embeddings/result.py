"""What the features tell about a data set, as tables."""

from dataclasses import dataclass

import numpy as np
import pandas as pd


@dataclass(frozen=True)
class Features:
    """Vectors of length 1, so that the product of two is their cosine similarity.

    model: what computed them
    images: float32 (N, C); image_rows: their row labels in the images table
    top1: the model's top-1 class of each of these images
    boxes: float32 (M, C); box_rows: their row labels in the boxes table
    """

    model: str
    images: np.ndarray
    image_rows: np.ndarray
    top1: list[str]
    boxes: np.ndarray
    box_rows: np.ndarray


@dataclass(frozen=True)
class Embeddings:
    """The features and what is measured on them.

    images: one row for each image with features, with its row label in the images table: x, y (its place on the map,
        null if it is not drawn), cluster (from 1), mix (categorical: the classes that it shows, see
        `eda.embeddings.mixes`), top1 (the model's class), nearest (row label of the most similar image), similarity
        (cosine, to it), outlier (robust z of the mean distance to the nearest images), unlike (whether that is an
        outlier)
    clusters: see `eda.embeddings.clusters.cluster_table`
    pairs: altered copies and images of one scene: row, other (row labels), kind ("similar" or "same-scene"), similarity
        (cosine), correlation (of the aligned pixels), share (of the larger one's area), mirrored
    doubtful: see `eda.embeddings.labels.doubtful_boxes`
    """

    features: Features
    images: pd.DataFrame
    clusters: pd.DataFrame
    pairs: pd.DataFrame
    doubtful: pd.DataFrame
