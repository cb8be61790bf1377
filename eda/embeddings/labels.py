"""Boxes whose crop looks like another class's: likely label errors."""

import numpy as np
import pandas as pd
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedGroupKFold

from eda.embeddings.neighbours import SEED, nearest

FOLDS = 5
"""Of the cross-validation. Boxes of one image stay in one fold."""

INVERSE_REGULARISATION = 10.0
"""C of the logistic regression, on vectors of length 1."""

MIN_MARGIN = 0.5
"""A box is doubtful if another class's probability is this much larger than that of its own. Of planted swaps in
CPPE-5's test split it finds most, and most of what it finds was planted (see docs/eda.md)."""

MIN_BOXES = 2 * FOLDS
"""A class with fewer boxes is left out: it cannot be learnt."""

VOTERS = 10
"""Nearest boxes of other images whose classes the message counts."""


def doubtful_boxes(reduced: np.ndarray, boxes: pd.DataFrame) -> pd.DataFrame:
    """Return the boxes that look like another class, the least plausible first.

    A logistic regression learns the classes from four fifths of the images and gives the boxes of the last fifth a
    probability for each class, in turn (out-of-sample probabilities as in Northcutt et al. 2021, confident learning).

    Args:
        reduced: vectors (M, K) of the boxes (`eda.embeddings.neighbours.reduce`).
        boxes: with class_name and image_row, in the same order.

    Returns:
        One row for each doubtful box, with its row label in `boxes`: label (its class), predicted, own (the
        probability of its class), other (that of the predicted class), votes (how many of its `voters` nearest boxes,
        of other images, have the predicted class) and voters. Empty if fewer than two classes can be learnt.
    """
    table = plausibility(reduced, boxes)
    table = table[table["other"] - table["own"] > MIN_MARGIN]
    table = table.assign(**votes(reduced, boxes, table["predicted"]))
    order = (table["own"] - table["other"]).sort_values(kind="stable").index
    return table.loc[order, ["label", "predicted", "own", "other", "votes", "voters"]]


def plausibility(reduced: np.ndarray, boxes: pd.DataFrame) -> pd.DataFrame:
    """Return label, predicted, own and other of every box, as `doubtful_boxes` has them.

    `own` is null for a class that cannot be learnt. Empty if fewer than two can be.
    """
    probabilities = class_probabilities(reduced, boxes)
    if probabilities.empty:
        return pd.DataFrame(columns=["label", "predicted", "own", "other"])
    names = boxes["class_name"].astype(str)
    own = pd.Series(
        probabilities.to_numpy()[np.arange(len(probabilities)), probabilities.columns.get_indexer(names)], boxes.index
    ).where(names.isin(probabilities.columns))
    return pd.DataFrame(
        {"label": names, "predicted": probabilities.idxmax(axis=1), "own": own, "other": probabilities.max(axis=1)}
    )


def class_probabilities(reduced: np.ndarray, boxes: pd.DataFrame) -> pd.DataFrame:
    """Return each box's out-of-sample probability of every class with at least MIN_BOXES boxes in FOLDS images.

    Empty if there are fewer than two of them.
    """
    names, groups = boxes["class_name"].astype(str), boxes["image_row"]
    learnt = learnable(boxes)
    known = names.isin(learnt).to_numpy()
    if len(learnt) < 2:
        return pd.DataFrame()
    table = pd.DataFrame(0.0, index=boxes.index, columns=learnt)
    folds = StratifiedGroupKFold(FOLDS, shuffle=True, random_state=SEED)
    x, y, g = reduced[known], names[known].to_numpy(), groups[known].to_numpy()
    for train, test in folds.split(x, y, g):
        model = LogisticRegression(C=INVERSE_REGULARISATION, max_iter=500).fit(x[train], y[train])
        rows = boxes.index[known][test]
        table.loc[rows, list(model.classes_)] = model.predict_proba(x[test])
    return table


def learnable(boxes: pd.DataFrame) -> list[str]:
    """Return the classes with at least MIN_BOXES boxes in FOLDS images, sorted."""
    names = boxes["class_name"].astype(str)
    counts = names.value_counts()
    in_images = boxes["image_row"].groupby(names).nunique().reindex(counts.index)
    return sorted(counts.index[(counts >= MIN_BOXES) & (in_images >= FOLDS)])


def votes(reduced: np.ndarray, boxes: pd.DataFrame, predicted: pd.Series) -> dict[str, np.ndarray]:
    """Return how many of some boxes' nearest boxes of other images have the predicted class, and how many they are."""
    judged = boxes.index.get_indexer(predicted.index)
    if not len(judged):
        return {"votes": judged, "voters": judged}
    _, positions = nearest(reduced, 4 * VOTERS)
    image_rows, names = boxes["image_row"].to_numpy(), boxes["class_name"].astype(str).to_numpy()
    foreign = image_rows[positions[judged]] != image_rows[judged, None]
    foreign &= foreign.cumsum(axis=1) <= VOTERS
    agreeing = (names[positions[judged]] == predicted.to_numpy()[:, None]) & foreign
    return {"votes": agreeing.sum(axis=1), "voters": foreign.sum(axis=1)}
