"""Checks, rounding and small arithmetic on arrays of vectors."""

from __future__ import annotations

import numpy as np

from methods.errors import MethodError

_LEAST_NORM, _MOST_NORM = 1e-12, 1e15


def as_vectors(vectors: np.ndarray, dim: int, what: str = "vectors") -> np.ndarray:
    """``vectors`` as a C-contiguous read-only float32 array (n, dim); a view where nothing has to change.

    Raises
    ------
    MethodError
        Wrong number of axes, wrong dimension, not numeric, or not finite (with the first such row).
    """
    array = np.asarray(vectors)
    if array.ndim != 2:
        raise MethodError(
            f"{what} must have shape (n, {dim}), not {array.shape}; use vectors[None, :] for a single one"
        )
    if array.shape[1] != dim:
        raise MethodError(f"{what} have dimension {array.shape[1]}, expected {dim}")
    if array.dtype.kind not in "fiu":
        raise MethodError(f"{what} have dtype {array.dtype}; use float32 (or another real number type)")
    if array.dtype != np.float32 or not array.flags.c_contiguous:
        with np.errstate(over="ignore"):
            array = np.ascontiguousarray(array, dtype=np.float32)
    # A sum is finite only if all its terms are: one cheap pass; rows are searched only if it fails.
    with np.errstate(over="ignore", invalid="ignore"):
        finite = bool(np.isfinite(array.sum(dtype=np.float64)))
    if not finite and len(bad := np.flatnonzero(~np.isfinite(array).all(axis=1))):
        raise MethodError(
            f"{what} hold NaN or infinity (or exceed float32) in row {bad[0]}; remove or repair such rows"
        )
    array = array.view()
    array.flags.writeable = False
    return array


def normalized(vectors: np.ndarray) -> np.ndarray:
    """A float32 copy of ``vectors`` (n, d) scaled to unit norm; zero vectors stay zero."""
    with np.errstate(over="ignore"):
        norms = np.linalg.norm(vectors, axis=1, keepdims=True)
    if not _LEAST_NORM < norms.min(initial=1) <= norms.max(initial=1) < _MOST_NORM:  # squares outside float32's range
        far = ~((norms > _LEAST_NORM) & (norms < _MOST_NORM)).ravel()
        vectors = np.array(vectors)
        greatest = np.abs(vectors[far]).max(axis=1, keepdims=True, initial=0)
        vectors[far] /= np.where(greatest > 0, greatest, 1)
        norms[far] = np.linalg.norm(vectors[far], axis=1, keepdims=True)
    return np.divide(vectors, norms, out=np.zeros_like(vectors, dtype=np.float32), where=norms > 0)


def random_rotation(dim: int, seed: int) -> np.ndarray:
    """A rotation (dim, dim) float32 drawn uniformly (Haar) by QR of a Gaussian matrix; apply as ``x @ R``."""
    gaussian = np.random.default_rng(seed).standard_normal((dim, dim))
    q, r = np.linalg.qr(gaussian)
    return (q * np.sign(np.diag(r))).astype(np.float32)


def to_bfloat16(values: np.ndarray) -> np.ndarray:
    """``values`` (n, d) float32 as (n, d) uint16, rounded to nearest even; finite ones stay finite."""
    bits = values.view(np.uint32)
    rounded = bits + (np.uint32(0x7FFF) + ((bits >> np.uint32(16)) & np.uint32(1)))
    # The topmost values would round to infinity; they keep the largest finite number instead.
    infinite = (rounded & np.uint32(0x7F800000)) == np.uint32(0x7F800000)
    return (np.where(infinite, bits, rounded) >> np.uint32(16)).astype("<u2")


def from_bfloat16(codes: np.ndarray) -> np.ndarray:
    """(n, d) float32 of the bytes (n, 2 d) uint8 of :func:`to_bfloat16`."""
    return (codes.view("<u2").astype(np.uint32) << np.uint32(16)).view(np.float32)
