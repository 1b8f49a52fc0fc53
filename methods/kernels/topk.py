"""The k smallest keys of a stream, and keys that order a score and an id in one integer.

A candidate is one int64: the score in the upper 32 bits, mapped so that better is smaller, and the id in the lower
32 bits. Comparing two keys therefore breaks ties by the smaller id, and merging lists is sorting integers.
"""

from __future__ import annotations

import numpy as np
from numba import njit

__all__ = [
    "EMPTY",
    "MAX_IDS",
    "distance_key",
    "distances",
    "key_score",
    "limits",
    "push",
    "results",
    "score_key",
    "scores",
    "squared_distances",
]

EMPTY = np.int64(2**63 - 1)  # no candidate: larger than every key
MAX_IDS = 2**32 - 1


@njit(cache=True, inline="always")
def distance_key(distance: int, row: int) -> np.int64:
    """Key of a non-negative int32 distance (smaller is better) and a row number below 2**32."""
    return (np.int64(distance) << 32) | np.int64(row)


@njit(cache=True)
def score_key(score: float, row: int) -> np.int64:
    """Key of a float32 score (larger is better; -0 counts as 0) and a row number below 2**32."""
    bits = np.int64(np.float32(np.float32(score) + np.float32(0)).view(np.int32))
    if bits < 0:  # negative floats order backwards by their bits
        bits = -(bits & 0x7FFFFFFF)
    return (-bits << 32) | np.int64(row)


@njit(cache=True)
def key_score(key: int) -> np.float32:
    """The score in a key of :func:`score_key`; -inf for :data:`EMPTY`."""
    if key == EMPTY:
        return np.float32(-np.inf)
    bits = -(key >> 32)
    if bits < 0:
        return -np.int32(-bits).view(np.float32)
    return np.int32(bits).view(np.float32)


@njit(cache=True, nogil=True)
def limits(heaps: np.ndarray) -> np.ndarray:
    """The least score (nq,) float32 of each query's best so far, in ``heaps`` (nq, k) of score keys; -inf if empty."""
    least = np.empty(len(heaps), np.float32)
    for query in range(len(heaps)):
        least[query] = key_score(heaps[query, 0])
    return least


@njit(cache=True)
def push(heap: np.ndarray, key: np.int64) -> None:
    """Replace the largest key of ``heap``, a max-heap (k,) int64 (children of i at 2i+1, 2i+2), by a smaller one."""
    if key >= heap[0]:
        return
    k = len(heap)
    place = 0
    while True:
        child = 2 * place + 1
        if child >= k:
            break
        if child + 1 < k and heap[child + 1] > heap[child]:
            child += 1
        if heap[child] <= key:
            break
        heap[place] = heap[child]
        place = child
    heap[place] = key


@njit(cache=True, nogil=True)
def results(heaps: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
    """Sorted keys (nq, k) int64 and ids (nq, k) int64, -1 padded, from the heaps (parts, nq, k') of parts of a scan.

    The heaps are used up. All parts together have found at most k' candidates of a query, or k' is k.
    """
    parts, nq, width = heaps.shape
    keys, ids = np.full((nq, k), EMPTY), np.full((nq, k), -1)
    for query in range(nq):
        heap = heaps[0, query]
        for part in range(1, parts):
            for place in range(width):
                push(heap, heaps[part, query, place])
        for last in range(width - 1, -1, -1):
            keys[query, last] = heap[0]
            if heap[0] != EMPTY:
                ids[query, last] = heap[0] & 0xFFFFFFFF
            if last:
                push(heap[:last], heap[last])
    return keys, ids


def distances(keys: np.ndarray) -> np.ndarray:
    """Distances int32 of sorted keys, int32's largest value where empty."""
    return (keys >> 32).astype(np.int32)


@njit(cache=True, nogil=True)
def scores(keys: np.ndarray) -> np.ndarray:
    """Scores float32 of sorted keys (nq, k), -inf where empty."""
    out = np.empty(keys.shape, np.float32)
    for query in range(keys.shape[0]):
        for place in range(keys.shape[1]):
            out[query, place] = key_score(keys[query, place])
    return out


def squared_distances(queries: np.ndarray, scores: np.ndarray) -> np.ndarray:
    """Squared distances (nq, k) from ``scores``, products less half of the other's squared length; none below 0.

    ``queries`` (nq, dim) float32 are centered as the products are.
    """
    return np.maximum((queries**2).sum(axis=1, dtype=np.float32)[:, None] - 2 * scores, 0)
