"""From the sums of a block of levels to scores and heaps, where more than a factor belongs to a score."""

from __future__ import annotations

import numpy as np
from numba import njit

from methods.kernels import topk
from methods.kernels.tiles import BLOCK

__all__ = ["half_squares", "push_nearest", "push_staged"]


@njit(cache=True, nogil=True)
def half_squares(
    words: np.ndarray, wide_rows: int, tops: np.ndarray, squares: np.ndarray, scale: np.ndarray, out: np.ndarray
) -> None:
    """``out[doc] = scale^2 / 2 * sum over rows of squares[row] * sum over the row's dimensions of its integers^2``."""
    levels, numbers = words.view(np.uint8), words.view(np.int16)
    out[:] = 0
    for row in range(len(squares)):
        weight = squares[row]
        for doc in range(BLOCK):
            word = row * BLOCK + doc
            total = np.int32(0)
            if row < wide_rows:
                for j in range(2):
                    number = np.int32(numbers[2 * word + j])
                    total += number * number
            else:
                for j in range(4):
                    number = np.int32(2) * np.int32(levels[4 * word + j]) - tops[row - wide_rows]
                    total += number * number
            out[doc] += weight * np.float32(total)
    for doc in range(BLOCK):
        out[doc] *= np.float32(0.5) * scale[doc] * scale[doc]


@njit(cache=True, nogil=True)
def push_nearest(
    sums: np.ndarray,
    row: int,
    line: tuple,
    scale: np.ndarray,
    half_squares: np.ndarray,
    place: tuple,
    limits: np.ndarray,
    heap: np.ndarray,
) -> None:
    """As :func:`methods.kernels.select.push_above` for products less half of the document's square."""
    offset, unit = np.int32(line[0]), np.float32(line[1])
    scores = np.empty(BLOCK, np.float32)
    for doc in range(BLOCK):
        product = np.float32(np.int32(np.int32(2) * sums[row, doc]) + offset) * unit * scale[doc]
        scores[doc] = product - half_squares[doc]
    _push_scores(scores, place, limits, heap)


@njit(cache=True, nogil=True)
def push_staged(
    sums: np.ndarray,
    row: int,
    line: tuple,
    scale: np.ndarray,
    stages: np.ndarray,
    tables: np.ndarray,
    place: tuple,
    limits: np.ndarray,
    heap: np.ndarray,
) -> None:
    """As :func:`push_nearest` for products plus the tables' terms at the document's stages, scaled together."""
    offset, unit = np.int32(line[0]), np.float32(line[1])
    scores = np.empty(BLOCK, np.float32)
    for doc in range(BLOCK):
        scores[doc] = np.float32(np.int32(np.int32(2) * sums[row, doc]) + offset) * unit
    for stage in range(len(tables)):
        for doc in range(BLOCK):
            scores[doc] += tables[stage, stages[stage * BLOCK + doc]]
    for doc in range(BLOCK):
        scores[doc] *= scale[doc]
    _push_scores(scores, place, limits, heap)


@njit(cache=True, nogil=True)
def _push_scores(scores: np.ndarray, place: tuple, limits: np.ndarray, heap: np.ndarray) -> None:
    """Push a block's scores (64,) that are above the query's limit; ``place``: first document, documents, query."""
    first, size, query = place
    best = np.float32(-np.inf)
    for doc in range(BLOCK):
        best = max(best, scores[doc])
    if not best > limits[query]:
        return
    for doc in range(size):
        if scores[doc] > limits[query]:
            topk.push(heap, topk.score_key(scores[doc], first + doc))
            limits[query] = topk.key_score(heap[0])
