"""Product codes of least score-aware error: coordinate descent over the centroids of all subspaces."""

from __future__ import annotations

import numpy as np
from numba import njit

from methods.kernels.simd.nearest_two import LANES, least_loss

__all__ = ["anisotropic_codes", "codes_reference", "normal_equations"]

_FAR = np.float32(1e30)


def codes_reference(vectors: np.ndarray, codebooks: np.ndarray, eta: float, rounds: int) -> np.ndarray:
    """Codes (n, subspaces) uint8 as :func:`anisotropic_codes` finds them, readably; for tests."""
    codes = np.empty((len(vectors), len(codebooks)), np.uint8)
    width = codebooks.shape[2]
    for x, code in zip(vectors.astype(np.float64), codes, strict=True):
        parts = x.reshape(-1, 1, width) - codebooks
        errors, parallel = (parts**2).sum(axis=2), (parts * x.reshape(-1, 1, width)).sum(axis=2)
        code[:] = errors.argmin(axis=1)
        weight = (eta - 1) / (x @ x) if x @ x > 0 else 0.0
        for _ in range(rounds):
            before = code.copy()
            for m in range(len(codebooks)):
                others = sum(parallel[j, code[j]] for j in range(len(codebooks)) if j != m)
                losses = errors[m] + weight * (others + parallel[m]) ** 2
                if losses.min() < losses[code[m]] * (1 - 1e-6):
                    code[m] = losses.argmin()
            if np.array_equal(before, code):
                break
    return codes


@njit(cache=True, nogil=True, fastmath={"contract"})
def anisotropic_codes(
    vectors: np.ndarray, codebooks: np.ndarray, eta: float, rounds: int, codes: np.ndarray, along: np.ndarray
) -> None:
    """Codes that lower ``|r|^2 + (eta - 1) <r, x>^2 / |x|^2`` for the residual r of a vector x.

    With the products p of x and the centroids c of a subspace, ``|r|^2`` is ``|x|^2 - 2 p + |c|^2`` there and
    ``<r, x>`` is ``|x|^2 - p``: the products of all centroids are all that is kept of a vector.

    Parameters
    ----------
    vectors : (n, subspaces * width) float32
    codebooks : (subspaces, centroids, width) float32
    eta : float
        Weight of the error along the vector against that across it.
    rounds : int
        Most passes over the subspaces, from the nearest centroids on.
    codes : (n, subspaces) uint8
        Written.
    along : (n,) float32
        Written: <r, x>.
    """
    subspaces, centroids, width = codebooks.shape
    lanes = -(-centroids // LANES) * LANES
    columns = np.zeros((subspaces, width, lanes), np.float32)
    squares = np.full((subspaces, lanes), _FAR, np.float32)
    squares[:, :centroids] = 0
    for m in range(subspaces):
        for c in range(centroids):
            for j in range(width):
                columns[m, j, c] = codebooks[m, c, j]
                squares[m, c] += codebooks[m, c, j] * codebooks[m, c, j]
    products, own_squares, score = np.empty_like(squares), np.empty(subspaces, np.float32), np.empty(1, np.float32)
    tie = np.float32(1 - 1e-6)
    for i in range(len(vectors)):
        total, square = np.float32(0), np.float32(0)
        for m in range(subspaces):
            _products(vectors[i, m * width : (m + 1) * width], columns[m], products[m])
            own = least_loss(products, m, squares, np.float32(0), np.float32(0), score)
            own_squares[m] = np.float32(0)
            for j in range(width):
                own_squares[m] += vectors[i, m * width + j] * vectors[i, m * width + j]
            codes[i, m] = own
            total += own_squares[m] - products[m, own]
            square += own_squares[m]
        weight = np.float32(eta - 1) / square if square > 0 else np.float32(0)
        for _ in range(rounds):
            moved = False
            for m in range(subspaces):
                before = np.int64(codes[i, m])
                rest = total + products[m, before]  # <r, x> but for the product that is chosen
                least = own_squares[m] + squares[m, before] - 2 * products[m, before] + weight * total * total
                best = least_loss(products, m, squares, rest, weight, score)
                if best != before and own_squares[m] + score[0] < least * tie:
                    codes[i, m], total, moved = best, rest - products[m, best], True
            if not moved:
                break
        along[i] = total


@njit(cache=True, nogil=True, fastmath={"contract"}, inline="always")
def _products(x: np.ndarray, columns: np.ndarray, products: np.ndarray) -> None:
    for c in range(columns.shape[1]):
        products[c] = x[0] * columns[0, c]
    for j in range(1, columns.shape[0]):
        value = x[j]
        for c in range(columns.shape[1]):
            products[c] += value * columns[j, c]


@njit(cache=True, nogil=True)
def normal_equations(
    vectors: np.ndarray, index: np.ndarray, weights: np.ndarray, pulls: np.ndarray, left: np.ndarray, right: np.ndarray
) -> None:
    """Sums, over the vectors x of each centroid, of what its place of least loss follows from.

    Parameters
    ----------
    vectors : (n, width) float64
    index : (n,) uint8
        The centroids.
    weights, pulls : (n,) float64
    left : (centroids, width, width) float64
        Filled: the sums of ``I + weight x x'``.
    right : (centroids, width) float64
        Filled: the sums of ``pull x``.
    """
    width = vectors.shape[1]
    left[:], right[:] = 0, 0
    for i in range(len(vectors)):
        own = index[i]
        for j in range(width):
            right[own, j] += pulls[i] * vectors[i, j]
            left[own, j, j] += 1
            weighted = weights[i] * vectors[i, j]
            for other in range(width):
                left[own, j, other] += weighted * vectors[i, other]
