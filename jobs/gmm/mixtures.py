"""The mixture: PCA, then Gaussians with diagonal covariance, or K-means. Imports scikit-learn.

What K-means finds is kept as the mixture that it stands for: equal weights and one variance for
all, so that the likeliest component is that of the nearest mean, and belonging is a matter of
degree there too.
"""

import warnings
from collections.abc import Sequence
from io import BytesIO
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from sklearn.cluster import KMeans
from sklearn.decomposition import PCA
from sklearn.exceptions import ConvergenceWarning
from sklearn.mixture import GaussianMixture

Floats = npt.NDArray[np.floating]
COMPONENTS = 16
ROWS = 8_000
"""The most that a model is fitted on."""
_STARTS = 5
COUNTS = (1, 2, 3, 4, 5, 6, 8, 10, 12, 14, 16, 20, 24, 28, 32, 40)
"""How many clusters are tried, until BIC gets worse twice."""
_ROWS_A_CLUSTER = 8
_ROWS_AN_AXIS = 16
"""A mixture of few rows has fewer axes: each costs two parameters a cluster, which BIC counts."""
_LEAST_VARIANCE = 1e-6
_LEAST = 0.05
"""A membership of less is left out, unless it is the likeliest."""
_MOST = 4
"""How many clusters an entity may belong to."""


class Mixture(NamedTuple):
    """A fitted model. `k` is the number of clusters, `d` that of the principal components."""

    centre: Floats
    """What is subtracted from a vector; (dimension,)."""
    axes: Floats
    """Principal axes; (d, dimension)."""
    weights: Floats
    """(k,), summing to 1."""
    means: Floats
    """(k, d)."""
    precisions: Floats
    """Inverse variances, (k, d)."""
    clusters: npt.NDArray[np.int64]
    """The ids of the clusters, in the order of the components; empty until they are known."""

    def packed(self) -> bytes:
        """NumPy's npz, without pickles."""
        file = BytesIO()
        np.savez(file, allow_pickle=False, **self._asdict())
        return file.getvalue()

    @classmethod
    def unpacked(cls, stored: bytes) -> "Mixture":
        """The mixture that `packed` wrote."""
        with np.load(BytesIO(stored), allow_pickle=False) as arrays:
            return cls(**{name: arrays[name] for name in cls._fields})

    def moved(self, vectors: Floats, *, by_kmeans: bool) -> "Fit":
        """Fitted to these vectors from where it is: its components keep their order."""
        rows = self._projected(vectors)
        if by_kmeans:
            again = KMeans(len(self.means), init=self.means, n_init=1)
            return _divided(self.centre, self.axes, rows, again)
        start = GaussianMixture(
            len(self.means),
            covariance_type="diag",
            weights_init=self.weights,
            means_init=self.means,
            precisions_init=self.precisions,
            random_state=0,
        )
        model, bic = _fitted(start, rows)
        fitted = _mixture(self.centre, self.axes, model.weights_, model.means_, model.precisions_)
        return Fit(fitted, bic)

    def memberships(self, vectors: Floats) -> list[list[tuple[int, float]]]:
        """For each row its components that matter and their probabilities, the likeliest first."""
        chances = self._chances(vectors)
        order = np.argsort(-chances, axis=1, kind="stable")[:, :_MOST]
        values = np.take_along_axis(chances, order, axis=1)
        return [
            [(each, value) for n, (each, value) in enumerate(pairs) if not n or value >= _LEAST]
            for pairs in (
                list(zip(*row, strict=True))
                for row in zip(order.tolist(), values.tolist(), strict=True)
            )
        ]

    def labels(self, vectors: Floats) -> npt.NDArray[np.int64]:
        """The likeliest component of each row."""
        return np.asarray(self._chances(vectors).argmax(1), np.int64)

    def _projected(self, vectors: Floats) -> Floats:
        """Vectors along the principal axes; (rows, d)."""
        return np.asarray((vectors - self.centre) @ self.axes.T)

    def _chances(self, vectors: Floats) -> Floats:
        """(rows, k); each row sums to 1."""
        rows, precise, means = self._projected(vectors), self.precisions, self.means
        far = rows**2 @ precise.T - 2 * rows @ (means * precise).T + (means**2 * precise).sum(1)
        logs = 0.5 * (np.log(precise).sum(1) - far) + np.log(self.weights + 1e-300)
        chances = np.exp(logs - logs.max(1, keepdims=True))
        return np.asarray(chances / chances.sum(1, keepdims=True))


class Fit(NamedTuple):
    """A mixture, and its Bayesian information criterion (None for K-means)."""

    mixture: Mixture
    bic: float | None


def fit_kmeans(vectors: Floats, count: int | None = None, seed: int = 0) -> Fit:
    """K-means, by default with the square root of half as many clusters as rows (Mardia's rule)."""
    centre, axes, rows = _axes(vectors, COMPONENTS)
    count = count or max(2, min(12, round((len(rows) / 2) ** 0.5)))
    return _divided(centre, axes, rows, KMeans(count, n_init=_STARTS, random_state=seed))


def fit_new(vectors: Floats, counts: Sequence[int] = COUNTS, seed: int = 0) -> Fit:
    """A mixture with the number of clusters, of these, that has the lowest BIC.

    K-means instead when that is 1: the rows are one cloud, and K-means divides it evenly, where a
    mixture would cut off its fringe.
    """
    centre, axes, rows = _axes(vectors, max(2, min(COMPONENTS, len(vectors) // _ROWS_AN_AXIS)))
    best, lowest, worse = counts[0], np.inf, 0
    for count in counts:
        if (count > 2 and count > len(rows) // _ROWS_A_CLUSTER and len(counts) > 1) or worse == 2:
            break
        bic = _fitted(GaussianMixture(count, covariance_type="diag", random_state=seed), rows)[1]
        worse = 0 if bic < lowest else worse + 1
        if bic < lowest:
            best, lowest = count, bic
    if best == 1:
        return fit_kmeans(vectors, seed=seed)
    model, bic = _fitted(
        GaussianMixture(best, covariance_type="diag", n_init=_STARTS, random_state=seed), rows
    )
    fitted = _mixture(centre, axes, model.weights_, model.means_, model.precisions_)
    return Fit(fitted, bic)


def _axes(vectors: Floats, most: int) -> tuple[Floats, Floats, Floats]:
    count = min(most, vectors.shape[1], len(vectors) - 1)
    model = PCA(count, svd_solver="full").fit(vectors)
    rows = (vectors - model.mean_) @ model.components_.T
    return model.mean_, model.components_, rows


def _divided(centre: Floats, axes: Floats, rows: Floats, model: KMeans) -> Fit:
    model.fit(rows)
    means = model.cluster_centers_
    weights = np.full(len(means), 1 / len(means))
    precisions = np.full(means.shape, 1 / max(model.inertia_ / rows.size, _LEAST_VARIANCE))
    return Fit(_mixture(centre, axes, weights, means, precisions), None)


def _fitted(model: GaussianMixture, rows: Floats) -> tuple[GaussianMixture, float]:
    """Fit it; one that has not quite converged after 100 rounds is as good."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.fit(rows)
    return model, float(model.bic(rows))


def _mixture(
    centre: Floats, axes: Floats, weights: Floats, means: Floats, precisions: Floats
) -> Mixture:
    return Mixture(centre, axes, weights, means, precisions, np.empty(0, np.int64))
