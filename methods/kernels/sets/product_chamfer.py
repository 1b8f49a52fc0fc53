"""Chamfer scores of documents in product codes, which become floats a document at a time, near the processor.

Decoded all together, every vector would go to memory and come back, which takes longer than its products.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from methods.kernels.errors import KernelError
from methods.kernels.heap import push
from methods.kernels.machine.path import Path, choose
from methods.kernels.machine.threads import count_parts, in_parts, read_only
from methods.kernels.sets.chamfer import _batches, _merge, _query_bounds, _raise_maxima
from methods.kernels.sets.lengths import at_length
from methods.kernels.sets.offsets import as_offsets
from methods.kernels.simd.matrix_tile import as_panels, tile_rows

__all__ = ["product_chamfer_search"]


@njit(cache=True, nogil=True)
def _as_centroids(codes: np.ndarray, codebooks: np.ndarray, out: np.ndarray) -> None:
    """The centroids that codes (t, M) name into float32 rows ``out`` (t, M * width); usual widths are unrolled."""
    width = codebooks.shape[2]
    for i in range(len(codes)):
        line = out[i]
        for part in range(codes.shape[1]):
            centroid, first = codebooks[part, codes[i, part]], part * width
            if width == 4:
                for j in range(4):
                    line[first + j] = centroid[j]
            elif width == 8:
                for j in range(8):
                    line[first + j] = centroid[j]
            else:
                for j in range(width):
                    line[first + j] = centroid[j]


@njit(cache=True, nogil=True)
def _scan(
    path: Path, tile: int, queries: tuple, documents: tuple, start: int, stop: int, keys: np.ndarray, ids: np.ndarray
) -> None:
    """The best documents of ``start:stop`` for each query: heaps ``keys``, ``ids`` (nq, k), left unsorted."""
    panels, bounds = queries
    codes, codebooks, offsets, length, far = documents
    longest = 0
    for doc in range(start, stop):
        longest = max(longest, offsets[doc + 1] - offsets[doc])
    scratch = np.empty((longest, panels.shape[1]), np.float32)
    best = np.empty(len(panels) * panels.shape[2], np.float32)
    for doc in range(start, stop):
        rows = scratch[: offsets[doc + 1] - offsets[doc]]
        _as_centroids(codes[offsets[doc] : offsets[doc + 1]], codebooks, rows)
        if length > 0:
            at_length(rows, length, far, rows)
        _raise_maxima(path, tile, panels, 0, len(panels), rows, best)
        for q in range(len(keys)):
            score = np.float32(0)
            for i in range(bounds[q], bounds[q + 1]):
                score += best[i]
            if -score < keys[q, 0]:
                push(keys[q], ids[q], -score, doc)


def product_chamfer_search(
    query_vectors: np.ndarray,
    query_offsets: np.ndarray,
    codes: np.ndarray,
    codebooks: np.ndarray,
    offsets: np.ndarray,
    k: int,
    length: float = 0.0,
    far: float = 2.0,
    threads: int | None = None,
    path: str | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """As :func:`~methods.kernels.sets.chamfer.chamfer_search` for documents in product codes.

    Parameters
    ----------
    codes : (total, M) uint8
        C-contiguous.
    codebooks : (M, 256, width) float32
        Centroids; those that a code names, side by side, are its vector of M * width dimensions.
    length, far : float
        As for :func:`~methods.kernels.sets.lengths.at_length`; a length of 0 leaves vectors as they are.
    query_vectors, query_offsets, offsets, k, threads, path
        As there.
    """
    if codebooks.ndim != 3 or codebooks.shape[1] != 256 or codebooks.dtype != np.float32:
        raise KernelError(f"codebooks must be float32 of shape (M, 256, width), not {codebooks.shape}")
    m, _, width = codebooks.shape
    if codes.dtype != np.uint8 or codes.shape[1:] != (m,) or not codes.flags.c_contiguous:
        raise KernelError(f"codes must be C-contiguous uint8 of shape (total, {m}), not {codes.shape}")
    offsets, chosen = as_offsets(offsets, len(codes), "offsets"), choose(path)
    documents = (read_only(codes), read_only(codebooks), read_only(offsets), float(length), float(far))
    n, bounds = len(offsets) - 1, _query_bounds(query_vectors, query_offsets, m * width)
    parts = count_parts(n, threads)
    scores, ids = np.full((len(bounds) - 1, k), -np.inf, np.float32), np.full((len(bounds) - 1, k), -1, np.int64)
    for first, last in _batches(bounds):
        some = query_vectors[bounds[first] : bounds[last]].astype(np.float32, copy=False)
        queries = (as_panels(some, chosen), bounds[first : last + 1] - bounds[first])
        keys = np.full((parts, last - first, min(k, max(n, 1))), np.inf, np.float32)
        heap_ids = np.full(keys.shape, -1, np.int64)

        def scan(part: int, start: int, stop: int, own: tuple = (queries, keys, heap_ids)) -> None:
            _scan(chosen, tile_rows(chosen), own[0], documents, start, stop, own[1][part], own[2][part])

        in_parts(scan, n, threads)
        _merge(keys, heap_ids, scores[first:last], ids[first:last])
    return scores, ids
