"""`reference.npz`: what a model's images are compared with, made from a folder of images when the archive is packed."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
from torch import Tensor

from handler.drift.statistics import Features, Floats, Gaussian, Ints, population_stability_index

Statistic = Literal["classes", "confidence", "features"]


@dataclass(frozen=True)
class Images:
    """What a model said of images; not the images.

    Args:
        classes: their top-1 classes, (N,).
        confidences: the scores of those, (N,).
        features: their pooled features, (N, C); None where the program has no such output.
        projected: the features as the reference's `Gaussian.project` shows them, (N, rank + 1).
    """

    classes: Ints
    confidences: Features
    features: Features | None = None
    projected: Features | None = None

    @classmethod
    def of_scores(cls, scores: Tensor, features: Tensor | None) -> "Images":
        """Return images by their scores (N, classes) and features (N, C)."""
        top = scores.max(dim=1)
        return cls(top.indices.numpy(), top.values.numpy(), None if features is None else features.numpy())

    def __len__(self) -> int:
        return len(self.classes)

    def __setitem__(self, rows: Any, images: "Images") -> None:
        """Put other images in the place of some."""
        self.classes[rows], self.confidences[rows] = images.classes, images.confidences
        if self.features is not None and self.projected is not None:
            self.features[rows], self.projected[rows] = images.features, images.projected

    def __getitem__(self, rows: Any) -> "Images":
        """Return some of them."""
        features = None if self.features is None else self.features[rows]
        projected = None if self.projected is None else self.projected[rows]
        return Images(self.classes[rows], self.confidences[rows], features, projected)


@dataclass(frozen=True)
class Reference:
    """Distributions of a reference's images, and how far samples of images like them are from it.

    Args:
        images: how many there were.
        frequent: their most frequent classes, each a bin, (k,).
        rare: their other classes, which share a bin; those that no image has share the last one.
        classes: images in each of these bins, (k + 2,). As many as are the only ones of their class count in the last
            bin: I. Good, The population frequencies of species (1953), expects this share of other images there.
        edges: between the bins of confidence.
        confidences: images in each of those bins, (len(edges) + 1,).
        features: distribution of the pooled features; None where the program has no such output.
        half: images in the halves that the limits were measured with.
        sizes: numbers of images in a sample, ascending, (S,).
        scales: of each statistic, what one in a hundred samples of that size exceeds though nothing has changed, as a
            multiple of 1 / half the reference + 1 / size, (S,).
    """

    images: int
    frequent: Ints
    rare: Ints
    classes: Ints
    edges: Floats
    confidences: Ints
    features: Gaussian | None
    half: int
    sizes: Ints
    scales: dict[Statistic, Floats]

    def class_counts(self, classes: Ints) -> Ints:
        """Return how many of top-1 classes (N,) are in each bin, (k + 2,)."""
        frequent = np.array([(classes == each).sum() for each in self.frequent], dtype=np.int64)
        rare = np.isin(classes, self.rare).sum()
        return np.array([*frequent, rare, len(classes) - frequent.sum() - rare], dtype=np.int64)

    def confidence_counts(self, confidences: Features) -> Ints:
        """Return how many of confidences (N,) are in each bin."""
        return np.bincount(np.digitize(confidences, self.edges), minlength=len(self.edges) + 1)

    def project(self, images: Images) -> Images:
        """Return images with what `distances` needs of their features."""
        if self.features is None or images.features is None:
            return images
        return replace(images, projected=self.features.project(images.features))

    def distances(self, images: Images) -> dict[Statistic, float]:
        """Return how far images are: the population stability index, and of features the squared Fréchet distance.

        Args:
            images: from `project`.
        """
        found: dict[Statistic, float] = {
            "classes": population_stability_index(self.class_counts(images.classes), self.classes),
            "confidence": population_stability_index(self.confidence_counts(images.confidences), self.confidences),
        }
        if self.features is not None and images.features is not None and images.projected is not None:
            found["features"] = self.features.distance(images.features, images.projected)
        return found

    def limit(self, statistic: Statistic, images: int) -> float:
        """Return what one in a hundred samples of so many images exceeds though nothing has changed.

        Small distances are quadratic in the differences between two samples, and so proportional to the sum of the
        reciprocals of their sizes. Only the window's is adapted: a distance of features depends on the reference's in
        further ways, and what half of it gives is on the safe side.
        """
        scale = np.interp(images, self.sizes, self.scales[statistic])
        return float(scale * (1 / self.half + 1 / images))

    def save(self, path: Path) -> None:
        """Write the file."""
        arrays: dict[str, Any] = {
            name: getattr(self, name)
            for name in ("images", "half", "frequent", "rare", "classes", "edges", "confidences", "sizes")
        }
        arrays |= {f"scales of {name}": values for name, values in self.scales.items()}
        if self.features is not None:
            arrays |= {f"features: {name}": value for name, value in vars(self.features).items()}
        np.savez(path, **arrays)

    @classmethod
    def load(cls, path: Path) -> "Reference":
        """Read the file that `save` wrote."""
        with np.load(path) as arrays:
            found = dict(arrays)
        members = {
            name.removeprefix("features: "): found.pop(name) for name in list(found) if name.startswith("features: ")
        }
        scales = {
            name.removeprefix("scales of "): found.pop(name) for name in list(found) if name.startswith("scales of ")
        }
        for name in ("remainder", "shrinkage"):
            if members:
                members[name] = float(members[name])
        images, half = int(found.pop("images")), int(found.pop("half"))
        return cls(images=images, half=half, features=Gaussian(**members) if members else None, scales=scales, **found)
