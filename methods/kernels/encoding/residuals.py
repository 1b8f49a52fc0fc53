"""Vectors from a centroid's number and packed residuals: a byte of residuals is one line of a table."""

from __future__ import annotations

import numpy as np
from numba import njit

from methods.kernels.errors import KernelError
from methods.kernels.machine.threads import read_only

__all__ = ["decode_residuals", "decode_residuals_reference"]

_ID_BYTES = 4


def decode_residuals_reference(codes: np.ndarray, centroids: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """As :func:`decode_residuals`, in plain NumPy."""
    bits = (len(weights) - 1).bit_length()
    dim = centroids.shape[1]
    numbers = np.ascontiguousarray(codes[:, :_ID_BYTES]).view("<u4")[:, 0].astype(np.int64)
    zeros = numbers == len(centroids)
    numbers[zeros] = 0
    unpacked = np.unpackbits(codes[:, _ID_BYTES:], axis=1, count=dim * bits).reshape(len(codes), dim, bits)
    vectors = centroids[numbers] + weights[unpacked @ (1 << np.arange(bits - 1, -1, -1, dtype=np.uint8))]
    norms = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.where(zeros[:, None], 0, vectors / np.where(norms > 0, norms, 1))


def decode_residuals(codes: np.ndarray, centroids: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Unit vectors (n, dim) float32, each its centroid plus a weight a dimension; or zeros.

    Parameters
    ----------
    codes : (n, 4 + ceil(dim * bits / 8)) uint8
        The centroid's number, least byte first, or K for a vector of zeros; then the buckets of all dimensions, most
        significant bit first.
    centroids : (K, dim) float32
    weights : (2^bits,) float32
        What a bucket stands for; bits are 1, 2, 4 or 8.
    """
    bits = (len(weights) - 1).bit_length()
    buckets = np.arange(256)[:, None] >> np.arange(8 - bits, -1, -bits) & (len(weights) - 1)
    out = np.empty((len(codes), centroids.shape[1]), np.float32)
    _decode(read_only(codes), read_only(centroids), weights.astype(np.float32)[buckets], out)
    return out


@njit(cache=True, nogil=True)
def _add_bytes(code: np.ndarray, centroid: np.ndarray, table: np.ndarray, line: np.ndarray) -> None:
    """``line`` (dim,) is the centroid plus what the bytes of ``code`` say of all dimensions.

    Loops of a constant length are unrolled by the compiler: they take a third of the time.
    """
    dim, step = len(line), table.shape[1]
    full_bytes = dim // step
    for byte in range(full_bytes):
        weights, first = table[code[byte]], byte * step
        if step == 8:
            for j in range(8):
                line[first + j] = centroid[first + j] + weights[j]
        elif step == 4:
            for j in range(4):
                line[first + j] = centroid[first + j] + weights[j]
        elif step == 2:
            for j in range(2):
                line[first + j] = centroid[first + j] + weights[j]
        else:
            line[first] = centroid[first] + weights[0]
    for j in range(full_bytes * step, dim):
        line[j] = centroid[j] + table[code[full_bytes], j - full_bytes * step]


@njit(cache=True, nogil=True, fastmath={"contract", "reassoc", "nsz"})
def _decode(codes: np.ndarray, centroids: np.ndarray, table: np.ndarray, out: np.ndarray) -> None:
    """``table`` (256, dimensions a byte) holds the weights of each byte of residuals."""
    dim = out.shape[1]
    for i in range(len(out)):
        code, line = codes[i], out[i]
        number = np.int64(code[0]) | np.int64(code[1]) << 8 | np.int64(code[2]) << 16 | np.int64(code[3]) << 24
        if number == len(centroids):
            line[:] = np.float32(0)
            continue
        if number > len(centroids):
            raise KernelError("a code names a centroid that is none of these: it is another codec's")
        centroid = centroids[number]
        _add_bytes(code[_ID_BYTES:], centroid, table, line)
        total = np.float32(0)
        for j in range(dim):
            total += line[j] * line[j]
        if total > 0:
            factor = np.float32(1 / np.sqrt(total))
            for j in range(dim):
                line[j] *= factor
