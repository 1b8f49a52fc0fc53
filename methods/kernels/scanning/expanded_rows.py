"""Scans that expand one code at a time into floats, which all queries that visit it are compared with."""

from __future__ import annotations

import numpy as np
from numba import njit

from methods.kernels.heap import push, sort_heap

__all__ = ["dot", "push_row", "sort_heaps", "squared_distance", "visitors"]

_SUMS = {"reassoc", "contract", "nsz"}  # sums may be reordered; infinities and NaN keep their meaning


@njit(cache=True, fastmath=_SUMS)
def dot(a: np.ndarray, b: np.ndarray) -> np.float32:
    total = np.float32(0)
    for j in range(len(a)):
        total += a[j] * b[j]
    return total


@njit(cache=True, fastmath=_SUMS)
def squared_distance(a: np.ndarray, b: np.ndarray) -> np.float32:
    total = np.float32(0)
    for j in range(len(a)):
        difference = a[j] - b[j]
        total += difference * difference
    return total


@njit(cache=True, nogil=True)
def visitors(visit: int, queries: np.ndarray, query_ends: np.ndarray, count: int) -> np.ndarray:
    """The queries of a visit (v,) int64, all of ``count`` where ``queries`` is empty (:class:`.ranged.Visits`)."""
    return queries[query_ends[visit] : query_ends[visit + 1]] if len(queries) else np.arange(count)


@njit(cache=True, nogil=True)
def push_row(
    row: np.ndarray,
    number: int,
    visiting: np.ndarray,
    queries: np.ndarray,
    l2: bool,
    weights: np.ndarray,
    added: np.float32,
    keys: np.ndarray,
    ids: np.ndarray,
) -> None:
    """Compare the ``row`` (dim,) of a code with the queries that visit it.

    Parameters
    ----------
    number : int
        The code's row.
    visiting : (v,) int64
        Rows of ``queries`` (nq, dim) float32.
    l2 : bool
        Keys are squared distances; else negated products, of which ``weights`` (nq,) times ``added`` is subtracted.
    keys, ids : (nq, k) float32 and int64
        A heap for each query.
    """
    for place in range(len(visiting)):
        query = visiting[place]
        key = squared_distance(queries[query], row) if l2 else -dot(queries[query], row) - weights[query] * added
        if key < keys[query, 0]:
            push(keys[query], ids[query], key, number)


@njit(cache=True, nogil=True)
def sort_heaps(keys: np.ndarray, ids: np.ndarray) -> None:
    """Sort the heaps of all queries in place, smallest key first."""
    for query in range(len(keys)):
        sort_heap(keys[query], ids[query])
