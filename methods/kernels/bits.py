"""Asymmetric scan of binary codes: a float query against bits that stand for -1 and +1.

The score of a code is ``sum_j q_j * s_j`` with ``s_j = +1`` where bit ``j`` is set and -1 elsewhere; bit ``j`` is bit
``j % 8`` of byte ``j // 8``. Eight dimensions share a byte, so a query is first turned into one table of 256 sums a
byte, and a code costs one look-up and one addition a byte. :func:`asymmetric_scores_reference` says the same readably.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from methods.kernels.heap import push, sort_heap

__all__ = ["asymmetric_scan", "asymmetric_scores_reference", "byte_tables"]


def asymmetric_scores_reference(codes: np.ndarray, queries: np.ndarray) -> np.ndarray:
    """Scores (nq, n) float32 of codes (n, size) uint8 for queries (nq, bits) float32, bits <= 8 * size."""
    signs = np.unpackbits(codes, axis=1, count=queries.shape[1], bitorder="little").astype(np.float32) * 2 - 1
    return queries @ signs.T


@njit(cache=True)
def byte_tables(query: np.ndarray, tables: np.ndarray) -> None:
    """Fill ``tables`` (size, 256) float32: entry ``[b, v]`` is the score of byte ``b`` with value ``v``.

    ``query`` is (bits,) float32, bits <= 8 * size; what is missing counts as zero.
    """
    for byte in range(len(tables)):
        first = 8 * byte
        width = min(8, len(query) - first)
        total = np.float32(0)
        for bit in range(width):
            total -= query[first + bit]
        table = tables[byte]
        table[0] = total
        # Each further bit doubles the part of the table that is filled, by a sum with its weight.
        for bit in range(8):
            step = np.float32(2) * query[first + bit] if bit < width else np.float32(0)
            half = 1 << bit
            for value in range(half):
                table[half + value] = table[value] + step


@njit(cache=True)
def asymmetric_scan(codes: np.ndarray, query: np.ndarray, keys: np.ndarray, ids: np.ndarray) -> None:
    """The best of ``codes`` (n, size) uint8 for one ``query`` (bits,) float32.

    ``keys`` (k,) float32 comes filled with inf and leaves sorted: negated scores. ``ids`` (k,) int64 are the rows;
    equal keys are ordered by the smaller row.
    """
    size = codes.shape[1]
    tables = np.empty((size, 256), np.float32)
    byte_tables(query, tables)
    whole = size - size % 4
    for i in range(len(codes)):
        code = codes[i]
        # Four sums at once: one alone would wait for each addition to end before the next.
        a = b = c = d = np.float32(0)
        for byte in range(0, whole, 4):
            a += tables[byte, code[byte]]
            b += tables[byte + 1, code[byte + 1]]
            c += tables[byte + 2, code[byte + 2]]
            d += tables[byte + 3, code[byte + 3]]
        for byte in range(whole, size):
            a += tables[byte, code[byte]]
        key = -((a + b) + (c + d))
        if key < keys[0]:
            push(keys, ids, key, i)
    sort_heap(keys, ids)
