"""How far images are from a reference: the population stability index, and the Fréchet distance of features."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Features = NDArray[np.float32]
Ints = NDArray[np.int64]

HALF_AN_IMAGE = 0.5  # in every bin, as Jeffreys' prior has it: without it, one empty bin would make an index infinite


def population_stability_index(counts: Ints, reference: Ints) -> float:
    """Return sum((p - q) * ln(p / q)) over the bins of two histograms, whose shares are p and q.

    It is Jeffreys' divergence; N. Siddiqi, Credit Risk Scorecards (2006), made it a measure of drift. Two samples of n
    and m images from the same distribution are expected to have (bins - 1) * (1 / n + 1 / m): B. Yurdakul and
    J. Naranjo, Statistical properties of the population stability index (2020).

    Args:
        counts: images in each bin, (bins,).
        reference: the reference's, (bins,).
    """
    p, q = _shares(counts), _shares(reference)
    return float(((p - q) * np.log(p / q)).sum())


def _shares(counts: Ints) -> Floats:
    filled = counts + HALF_AN_IMAGE
    shares: Floats = filled / filled.sum()
    return shares


@dataclass(frozen=True)
class Gaussian:
    """A normal distribution of features: variances in some main directions, and the same in all others.

    Args:
        mean: (C,).
        basis: its main directions, orthonormal, (C, rank); rank < C.
        variances: in those directions, (rank,).
        remainder: variance in each of the other C - rank directions.
        shrinkage: share of the mean variance in every variance, 0 to 1; see `shrinkage_of`.
    """

    mean: Features
    basis: Features
    variances: Floats
    remainder: float
    shrinkage: float

    @classmethod
    def fit(cls, features: Features, rank: int) -> "Gaussian":
        """Return the distribution of features (N, C): their principal components, shrunk.

        Without shrinkage, the main variances of some hundred images in some thousand dimensions come out too large and
        the others too small.
        """
        mean = features.mean(axis=0)
        centred = (features - mean).astype(np.float64)
        images, dimensions = centred.shape
        is_wide = images < dimensions
        # Both have the same eigenvalues but for zeros.
        smaller = (centred @ centred.T if is_wide else centred.T @ centred) / images
        found, vectors = np.linalg.eigh(smaller)
        found, vectors = found[::-1][:rank], vectors[:, ::-1][:, :rank]
        # Orthonormal also where images are fewer than directions.
        basis, _ = np.linalg.qr(centred.T @ vectors if is_wide else vectors)
        shrinkage, trace = shrinkage_of(centred, smaller), float(np.trace(smaller))
        remainder = max(trace - float(found.sum()), 0.0) / (dimensions - rank)
        towards = shrinkage * trace / dimensions
        keep = 1 - shrinkage
        variances = keep * np.maximum(found, 0.0) + towards
        return cls(mean, basis.astype(np.float32), variances, keep * remainder + towards, shrinkage)

    def project(self, features: Features) -> Features:
        """Return coordinates of features (N, C) in the main directions, then their squared length: (N, rank + 1)."""
        centred = features - self.mean
        squares = np.einsum("nc,nc->n", centred, centred)
        return np.column_stack([centred @ self.basis, squares]).astype(np.float32)

    def distance(self, features: Features, projected: Features) -> float:
        """Return the squared Fréchet distance to the normal distribution of other features.

        |m - n|^2 + tr(A + B - 2 (A^(1/2) B A^(1/2))^(1/2)) for the means m, n and the covariances A, B: D. Dowson and
        B. Landau, The Fréchet distance between multivariate normal distributions (1982); M. Heusel et al., GANs trained
        by a two time-scale update rule (2017), compare images by it (FID). Both covariances are split into the block in
        this one's main directions and one variance for all others, and shrunk by the same share, so the square roots
        are of a matrix (rank, rank) and of two numbers.

        Args:
            features: (N, C).
            projected: the same, from `project`.
        """
        dimensions, rank = self.basis.shape
        shift = features.mean(axis=0, dtype=np.float64) - self.mean
        squared_shift = float(shift @ shift)
        coordinates, squares = projected[:, :-1].astype(np.float64), projected[:, -1]
        centred = coordinates - coordinates.mean(axis=0)
        block = centred.T @ centred / len(centred)
        trace = max(float(squares.mean(dtype=np.float64)) - squared_shift, 0.0)
        remainder = max(trace - float(np.trace(block)), 0.0) / (dimensions - rank)
        towards = self.shrinkage * trace / dimensions
        block = (1 - self.shrinkage) * block + towards * np.eye(rank)
        remainder = (1 - self.shrinkage) * remainder + towards
        roots = np.sqrt(self.variances)
        product = np.linalg.eigvalsh(roots[:, None] * block * roots)
        within = float(self.variances.sum() + np.trace(block) - 2 * np.sqrt(np.maximum(product, 0.0)).sum())
        beyond = (dimensions - rank) * (np.sqrt(self.remainder) - np.sqrt(remainder)) ** 2
        return max(squared_shift + within + float(beyond), 0.0)


def shrinkage_of(centred: Floats, covariance: Floats) -> float:
    """Return the share of the mean variance that brings a sample covariance closest to the true one, 0 to 1.

    O. Ledoit and M. Wolf, A well-conditioned estimator for large-dimensional covariance matrices (2004).

    Args:
        centred: features less their mean, (N, C).
        covariance: centred.T @ centred / N, or centred @ centred.T / N, which has the same norm and trace.
    """
    images, dimensions = centred.shape
    squared_norm = float((covariance**2).sum())
    spread = squared_norm - float(np.trace(covariance)) ** 2 / dimensions
    error = float(((centred**2).sum(axis=1) ** 2).sum()) / images**2 - squared_norm / images
    return min(error / spread, 1.0) if spread > 0 else 1.0
