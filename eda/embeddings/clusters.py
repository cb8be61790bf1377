"""Groups of similar images, named by what is in them."""

import numpy as np
import pandas as pd
from scipy.cluster.hierarchy import cut_tree, linkage
from sklearn.metrics import silhouette_score
from sklearn.metrics.pairwise import euclidean_distances
from sklearn.neighbors import NearestCentroid

from eda.embeddings.neighbours import sample
from eda.measure.splits import SHOWS

MAX_CLUSTERS = 12

MIN_MEAN_SIZE = 8
"""Images of a cluster on average, so that few images are not split into pairs; fewer than two of them are no groups."""

MAX_CLUSTERED = 2000
"""Of more images, a random sample is clustered, because a tree needs the square of their number in memory; the others
join the nearest centre."""

MIN_LIFT = 1.2
"""A class names a cluster if at least half of its images show it, and this many times as often as all images."""


def cluster(reduced: np.ndarray) -> np.ndarray:
    """Return the cluster of each vector (`eda.embeddings.neighbours.reduce`), 0 for the largest; all 0 of few vectors.

    Ward's linkage; of 2 to MAX_CLUSTERS clusters, the number with the largest mean silhouette (Rousseeuw 1987). On
    COCO's images mixed with CPPE-5's it finds the two sources (adjusted Rand index 0.85 to 1); HDBSCAN, which also
    finds them, leaves 9 to 37 % of the images in no cluster.
    """
    if len(reduced) < 2 * MIN_MEAN_SIZE:
        return np.zeros(len(reduced), dtype=np.int64)
    chosen = sample(reduced, MAX_CLUSTERED)
    most = min(MAX_CLUSTERS, len(chosen) // MIN_MEAN_SIZE)
    choices = cut_tree(linkage(chosen, "ward"), np.arange(2, most + 1)).T
    distances = euclidean_distances(chosen)
    np.fill_diagonal(distances, 0)
    labels = max(choices, key=lambda found: float(silhouette_score(distances, found, metric="precomputed")))
    if len(chosen) < len(reduced):
        labels = NearestCentroid().fit(chosen, labels).predict(reduced)
    by_size = np.argsort(-np.bincount(labels), kind="stable")
    return np.asarray(np.argsort(by_size)[labels])


def cluster_table(images: pd.DataFrame, labels: np.ndarray, top1: list[str], classes: tuple[str, ...]) -> pd.DataFrame:
    """Return one row for each cluster, the largest first.

    cluster: its number, from 1
    images, splits: how many, and of which splits
    shows: the classes that name it, with the share of its images that show them and the lift: that share over the
        share among all images
    top-1: the model's most frequent top-1 class in it, with its share

    `images` has the columns "shows <class>" of `eda.measure.splits.per_image`, and the order of `labels`.
    """
    present = images[[f"{SHOWS}{name}" for name in classes]].astype(float).set_axis(list(classes), axis=1)
    overall = present.mean()
    rows = []
    for number in range(int(labels.max()) + 1):
        chosen = labels == number
        shares = present[chosen].mean()
        lifts = (shares / overall).where(shares.ge(0.5) & overall.gt(0)).dropna()
        names = lifts[lifts.ge(MIN_LIFT)].sort_values(ascending=False, kind="stable").index[:3]
        counts = pd.Series(top1)[chosen].value_counts()
        splits = images.loc[chosen, "split"].value_counts(sort=False)
        rows.append(
            {
                "cluster": number + 1,
                "images": int(chosen.sum()),
                "splits": ", ".join(f"{name} {count:,}" for name, count in splits.items()),
                "shows": "; ".join(f"{n} in {shares[n]:.0%} (lift {lifts[n]:.1f})" for n in names) or "as all images",
                "top-1": f"{counts.index[0]} ({counts.iloc[0] / chosen.sum():.0%})",
            }
        )
    return pd.DataFrame(rows)
