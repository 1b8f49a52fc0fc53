"""What each kernel computes, in a few lines of NumPy: readable, exact, slow."""

from __future__ import annotations

import numpy as np

__all__ = ["adc", "best", "hamming", "levels", "nearest", "sdc", "symbols"]


def symbols(codes: np.ndarray, dim: int, bits: int) -> np.ndarray:
    """Symbols (n, dim) uint8, 0 .. 2**bits - 1, of codes (n, ceil(dim * bits / 8)), most significant bit first."""
    unpacked = np.unpackbits(codes, axis=1, count=dim * bits).reshape(len(codes), dim, bits)
    return (unpacked << np.arange(bits - 1, -1, -1, dtype=np.uint8)).sum(axis=2, dtype=np.uint8)


def levels(codes: np.ndarray, dim: int, bits: int) -> np.ndarray:
    """Values (n, dim) float32 that packed codes stand for: +-1 +-1/2 +-1/4 ..., that is (2c - (2^b - 1)) / 2^(b-1)."""
    return (2 * symbols(codes, dim, bits).astype(np.float32) - (2**bits - 1)) / np.float32(2 ** (bits - 1))


def hamming(codes: np.ndarray, queries: np.ndarray) -> np.ndarray:
    """Distances (nq, n) int32: bits in which packed codes (n, size) and queries (nq, size) differ."""
    return np.bitwise_count(queries[:, None, :] ^ codes[None]).sum(axis=2, dtype=np.int32)


def sdc(codes: np.ndarray, queries: np.ndarray, dim: int, bits: int, scale: np.ndarray | None = None) -> np.ndarray:
    """Scores (nq, n) float32: the exact inner product of two codes' levels, then times the document's ``scale``."""
    exact = levels(queries, dim, bits).astype(np.float64) @ levels(codes, dim, bits).astype(np.float64).T
    return exact.astype(np.float32) * _factors(len(codes), scale)


def adc(
    codes: np.ndarray, weights: np.ndarray, units: np.ndarray, dim: int, bits: int, scale: np.ndarray | None = None
) -> np.ndarray:
    """Scores (nq, n) float32 for int8 ``weights`` (nq, dim) in ``units`` (nq,) float32, ``scale`` last."""
    integers = 2 * symbols(codes, dim, bits).astype(np.int64) - (2**bits - 1)
    exact = (weights.astype(np.int64) @ integers.T).astype(np.float32)
    return exact * (units * np.float32(0.5 ** (bits - 1)))[:, None] * _factors(len(codes), scale)


def nearest(
    codes: np.ndarray, queries: np.ndarray, dim: int, bits: int, scale: np.ndarray, halves: np.ndarray
) -> np.ndarray:
    """Scores (nq, n) float64: products with levels times ``scale`` (n,), less half squares (n,) times its square."""
    products = queries.astype(np.float64) @ levels(codes, dim, bits).astype(np.float64).T
    return products * scale - halves * scale.astype(np.float64) ** 2


def best(values: np.ndarray, k: int, descending: bool) -> tuple[np.ndarray, np.ndarray]:
    """The k best of each row (nq, n) and their columns; ties by the smaller column; k at most n."""
    order = np.argsort(-values if descending else values, axis=1, kind="stable")[:, :k]
    return np.take_along_axis(values, order, axis=1), order


def _factors(n: int, scale: np.ndarray | None) -> np.ndarray:
    return np.ones(n, np.float32) if scale is None else scale.astype(np.float32)
