"""Principal component analysis of vectors in memory."""

from __future__ import annotations

import numpy as np

from methods.errors import MethodError

__all__ = ["axes_of", "check_not_vanishing", "effective_rank", "is_nothing", "principal_axes", "robust_mean", "scatter"]

_BLOCK = 16_384  # vectors centered at a time
_NOTHING = 0.01  # of the distance that nine of ten vectors do not exceed
_MOST = 1e15  # the largest value of vectors whose variances float32 holds
_LEAST = 1e-19  # the largest value of vectors whose variances float32 rounds to nothing
_FAR = 8.0  # median distances from the mean beyond which a vector counts as if it lay there
_PAIRED = 2_000  # rows whose pairs the effective rank is of


def robust_mean(vectors: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The mean of vectors (n, dim) float32 of which none may lie farther out than 8 median distances.

    From the plain mean; where outliers moved that so far that distances from the new one are less than half, from this.

    Returns
    -------
    mean : (dim,) float32
    weights : (n,) float32
        What a centered vector is multiplied with so that it lies no farther: 1 for all but outliers. One vector a
        thousand times too long would otherwise be the first principal axis, and shift the mean.

    Raises
    ------
    MethodError
        A value is beyond 1e15: float32 does not hold variances of such vectors.
    """
    _check_size(vectors)
    plain = vectors.mean(axis=0, dtype=np.float64).astype(np.float32)
    mean, (distances, typical) = plain, _distances(vectors, plain)
    while True:
        limit = np.float32(_FAR) * typical
        weights = np.ones(len(vectors), np.float32)
        far = np.flatnonzero(distances > limit) if limit > 0 else np.empty(0, np.int64)
        if not len(far):
            return mean, weights
        weights[far] = limit / distances[far]
        excess = (1 - weights[far].astype(np.float64)) @ (vectors[far] - mean).astype(np.float64)
        mean = (plain - excess / len(vectors)).astype(np.float32)
        before = typical
        distances, typical = _distances(vectors, mean)
        if typical > before / 2:
            return mean, weights


def _distances(vectors: np.ndarray, mean: np.ndarray) -> tuple[np.ndarray, np.floating]:
    """Of vectors (n, dim) from their mean: (n,) float32, and the median of those that are not zero."""
    distances = np.empty(len(vectors), np.float32)
    for start in range(0, len(vectors), _BLOCK):
        distances[start : start + _BLOCK] = np.linalg.norm(vectors[start : start + _BLOCK] - mean, axis=1)
    telling = distances[~is_nothing(distances)]
    return distances, np.median(telling) if len(telling) else np.float32(0)


def is_nothing(distances: np.ndarray) -> np.ndarray:
    """Which of distances (n,) are zero but for rounding, as those of copies of the mean or of a centroid: (n,) bool."""
    return distances <= _NOTHING * np.quantile(distances, 0.9)


def principal_axes(
    vectors: np.ndarray,
    count: int,
    without: np.ndarray | None = None,
    robust: tuple[np.ndarray, np.ndarray] | None = None,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The directions of largest variance; outliers count as :func:`robust_mean` has them.

    Parameters
    ----------
    vectors : (n, dim) float32
    count : int
        At most ``dim``.
    without : (dim,) float32, optional
        A direction of unit norm (or zero) along which vectors count as equal.
    robust : tuple, optional
        What :func:`robust_mean` gives of the vectors, if that is known.

    Returns
    -------
    mean : (dim,) float32
    axes : (dim, count) float32
        Orthonormal columns, by falling variance.
    variances : (count,) float32

    Raises
    ------
    MethodError
        Values are beyond 1e15, or all below 1e-19: float32 does not hold variances of such vectors.
    """
    robust = robust_mean(vectors) if robust is None else robust
    return robust[0], *axes_of(scatter(vectors, robust), len(vectors), count, without)


def scatter(vectors: np.ndarray, robust: tuple[np.ndarray, np.ndarray]) -> np.ndarray:
    """The covariance, (dim, dim) float64, times n of vectors (n, dim) float32, with their :func:`robust_mean`.

    Raises
    ------
    MethodError
        Values are all below 1e-19: float32 does not hold variances of such vectors.
    """
    check_not_vanishing(vectors)
    mean, weights = robust
    products = np.zeros((vectors.shape[1], vectors.shape[1]))
    for start in range(0, len(vectors), _BLOCK):
        centered = vectors[start : start + _BLOCK] - mean
        block = weights[start : start + _BLOCK]
        if block.min(initial=1) < 1:
            centered *= block[:, None]
        products += centered.T @ centered
    return products


def axes_of(total: np.ndarray, n: int, count: int, without: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:
    """Axes and variances of :func:`principal_axes` of ``n`` vectors with this :func:`scatter`."""
    if without is not None and without.any():
        kept = np.eye(len(total)) - np.outer(without, without.astype(np.float64))
        total = kept @ total @ kept
    variances, axes = np.linalg.eigh(total / n)
    best = slice(None, -count - 1, -1)
    return np.ascontiguousarray(axes[:, best], np.float32), np.maximum(variances[best], 0).astype(np.float32)


def _largest(vectors: np.ndarray) -> float:
    """Largest magnitude of a value of vectors (n, dim)."""
    return float(max(vectors.max(initial=0), -vectors.min(initial=0)))


def _check_size(vectors: np.ndarray) -> None:
    largest = _largest(vectors)
    if largest > _MOST:
        raise MethodError(
            f"vectors whose largest value is {largest:.0e} have variances beyond float32; divide all vectors and "
            "queries by that value: the order of scores stays the same"
        )


def check_not_vanishing(vectors: np.ndarray) -> None:
    """:class:`MethodError` for vectors (n, dim) float32 of which all values but zeros are below 1e-19."""
    largest = _largest(vectors)
    if 0 < largest < _LEAST:
        raise MethodError(
            f"vectors whose largest value is {largest:.0e} have variances that vanish in float32; multiply all vectors "
            "and queries by one number, for example 2**80: the order of scores stays the same"
        )


def effective_rank(vectors: np.ndarray) -> float:
    """Participation ratio of the covariance of vectors (n, d), ``trace(C)**2 / trace(C @ C)``; 0 where all are equal.

    The trace of the square is the mean squared product of two different vectors, so that few rows do not bias it.
    """
    rows = vectors[np.linspace(0, len(vectors) - 1, min(_PAIRED, len(vectors))).astype(int)].astype(np.float64)
    rows -= rows.mean(axis=0)
    count = len(rows)
    if count < 3:
        return 0.0
    products = rows @ rows.T
    own = np.diagonal(products)
    square = (np.square(products).sum() - np.square(own).sum()) / (count * (count - 1))
    trace = own.mean()
    largest = float(np.abs(vectors).max(initial=0))
    if trace <= (1e-6 * largest) ** 2 * vectors.shape[1]:  # no more than float32 rounds
        return 0.0
    return float(np.clip(trace**2 / square, 1.0, vectors.shape[1])) if square > 0 else float(vectors.shape[1])
