"""Maps that make vectors isotropic, as much variance in all directions, and how far that is from what they are."""

from __future__ import annotations

import numpy as np

from methods.fitting.principal_axes import principal_axes

__all__ = ["oracle_shrinkage", "top_directions", "whitening"]

_LEAST = 1e-6  # of the average variance: what directions without any are taken to have, so that maps can be undone


def whitening(vectors: np.ndarray, shrinkage: float | None = None) -> tuple[np.ndarray, np.ndarray, np.ndarray, float]:
    """Principal axes, and what makes the variance along each of them the average one.

    Scaled so that the total variance stays: with ``shrinkage=1`` nothing is scaled at all. Outliers count as
    :func:`~methods.fitting.principal_axes.robust_mean` has them.

    Parameters
    ----------
    vectors : (n >= 1, dim) float32
    shrinkage : float from 0 to 1, optional
        Share of the average variance in the one that counts for a direction, ``(1 - s) * own + s * average``; by
        default :func:`oracle_shrinkage`. Above 0 it is defined for fewer vectors than dimensions too.

    Returns
    -------
    mean : (dim,) float32
    axes : (dim, dim) float64
        Orthonormal columns, by falling variance.
    scales : (dim,) float64
        All above 0.
    shrinkage : float
    """
    mean, axes, variances = principal_axes(vectors, vectors.shape[1])
    own, _ = np.linalg.qr(axes.astype(np.float64))  # orthonormal to the last bit, up to signs
    own *= np.where(np.einsum("ij,ij->j", own, axes) < 0, -1, 1)
    spread = variances.astype(np.float64)
    average = float(spread.mean())
    share = oracle_shrinkage(spread, len(vectors)) if shrinkage is None else float(shrinkage)
    if not average > 0:
        return mean, own, np.ones(len(spread)), share
    return mean, own, 1 / np.sqrt(np.maximum((1 - share) * spread / average + share, _LEAST)), share


def oracle_shrinkage(variances: np.ndarray, count: int) -> float:
    """The shrinkage that comes nearest to the one of least squared error, of a covariance of Gaussian vectors.

    Chen, Wiesel, Eldar, Hero, "Shrinkage algorithms for MMSE covariance estimation", IEEE Transactions on Signal
    Processing 2010, equation 23 (OAS).

    Parameters
    ----------
    variances : (dim,) float64
        Eigenvalues of the covariance.
    count : int
        Vectors that it is of.

    Returns
    -------
    float
        From 0 to 1; 1 where all variances are equal, as for a single vector.
    """
    dim = len(variances)
    square, total = float(np.square(variances).sum()), float(variances.sum()) ** 2
    apart = square - total / dim
    if apart <= 1e-12 * square:
        return 1.0
    return min(1.0, ((1 - 2 / dim) * square + total) / ((count + 1 - 2 / dim) * apart))


def top_directions(vectors: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    """The mean (dim,) and the ``count`` directions of greatest variance around it, (dim, count) orthonormal float32."""
    mean, axes, _ = principal_axes(vectors, count)
    return mean, axes
