"""What a model's features tell about the photos of two data sets."""

from dataclasses import dataclass
from typing import Any

import pandas as pd

from eda.compare.differences import DELTA, Row
from eda.compare.joint import NAMES
from eda.compare.two_sample import Separation
from eda.embeddings.neighbours import MAX_ROBUST_Z
from eda.explore import Exploration
from eda.export import records

COMPARISON = "photos, by the model's features"


@dataclass(frozen=True)
class Likeness:
    """How alike the photos of A and B are.

    joint: both sides as one exploration, whose splits are A and B
    model: what computed the features
    separation: whether a classifier tells A from B
    images: one row for each image with features, with its row label in `joint.images`: x, y (its place on the map),
        and of B's images nearest (row label of the most similar one of A), similarity (cosine, to it) and outlier
        (robust z of the mean distance to its nearest of A, on the scale of A's own)
    pairs: altered copies of one side's photos in the other (see `eda.embeddings.result.Embeddings`)
    """

    joint: Exploration
    model: str
    separation: Separation
    images: pd.DataFrame
    pairs: pd.DataFrame

    @property
    def unlike(self) -> pd.DataFrame:
        """The images of B that are unlike all of A, the most unlike first."""
        found = self.images[self.images["outlier"] > MAX_ROBUST_Z]
        return found.sort_values("outlier", ascending=False, kind="stable")

    def row(self) -> Row:
        """Return the comparison as a row of `eda.compare.differences`."""
        auc, p = self.separation
        return {
            "group": "embeddings",
            "comparison": COMPARISON,
            "measure": DELTA,
            "first": float("nan"),
            "second": float("nan"),
            "effect": max(0.0, 2 * auc - 1),  # under chance is chance
            "p": p,
        }

    def sentence(self) -> str:
        """Return what was found in words."""
        auc, p = self.separation
        of_second = int(self.images["outlier"].notna().sum())
        return (
            f"By the features of {self.model}, a classifier tells B's photos from A's with an AUC of {auc:.2f} (0.5 is "
            f"chance, 1 is always; p {p:.4f}). {len(self.unlike):,} of B's {of_second:,} photos are unlike all of A, "
            f"and {self.pairs['row'].nunique():,} are copies of A's, as they are or altered."
        )

    def to_document(self) -> dict[str, Any]:
        """Return what is measured as JSON; images are named by side, split, id and file."""
        return {
            "model": self.model,
            "images": self.images.index.map(self.joint.images["split"]).value_counts().reindex(NAMES).to_dict(),
            "auc": self.separation.auc,
            "p": self.separation.p,
            "unlike": [
                {**self.name(row), "nearest": self.name(int(found.nearest)), "robust_z": float(found.outlier)}
                for row, found in self.unlike.iterrows()
            ],
            "copies": [
                {"first": self.name(pair["other"]), "second": self.name(pair["row"]), **pair}
                for pair in records(self.pairs.drop(columns="kind"))
            ],
        }

    def name(self, row: int) -> dict[str, Any]:
        image = self.joint.images.loc[row]
        return {"side": image["split"], "image_id": int(image["image_id"]), "file_name": image["file_name"]}
