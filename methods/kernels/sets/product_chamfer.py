"""Chamfer scores of documents in product codes, which become floats a document at a time, near the processor.

Decoded all together, every vector would go to memory and come back, which takes longer than its products.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from methods.kernels.errors import KernelError
from methods.kernels.machine.path import Path
from methods.kernels.machine.threads import read_only
from methods.kernels.sets.chamfer import push_document, search_sets
from methods.kernels.sets.lengths import at_length
from methods.kernels.sets.offsets import as_offsets

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
def _add_leaves(numbers: np.ndarray, leaves: np.ndarray, rows: np.ndarray) -> None:
    """Add to ``rows`` (t, dim) the leaves of their numbers; what has the number behind the last becomes zeros."""
    for i in range(len(rows)):
        line = rows[i]
        if numbers[i] >= len(leaves):
            line[:] = 0
        else:
            leaf = leaves[numbers[i]]
            for j in range(len(line)):
                line[j] += leaf[j]


@njit(cache=True, nogil=True)
def _scan(
    path: Path, tile: int, queries: tuple, documents: tuple, start: int, stop: int, keys: np.ndarray, ids: np.ndarray
) -> None:
    """The best documents of ``start:stop`` for each query: heaps ``keys``, ``ids`` (nq, k), left unsorted."""
    panels = queries[0]
    codes, codebooks, offsets, length, far, numbers, leaves = documents
    longest = 0
    for doc in range(start, stop):
        longest = max(longest, offsets[doc + 1] - offsets[doc])
    scratch = np.empty((longest, panels.shape[1]), np.float32)
    best = np.empty(len(panels) * panels.shape[2], np.float32)
    for doc in range(start, stop):
        rows = scratch[: offsets[doc + 1] - offsets[doc]]
        _as_centroids(codes[offsets[doc] : offsets[doc + 1]], codebooks, rows)
        if len(leaves):
            _add_leaves(numbers[offsets[doc] : offsets[doc + 1]], leaves, rows)
        if length > 0:
            at_length(rows, length, far, rows)
        push_document(path, tile, queries, doc, rows, best, (keys, ids))


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
    *,
    numbers: np.ndarray | None = None,
    leaves: np.ndarray | None = None,
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
    numbers, leaves : (total,) uint16, (K, M * width) float32, optional
        What is added to each vector before it is brought to that length: the leaf of its number; K says that the vector
        is zero.
    query_vectors, query_offsets, offsets, k, threads, path
        As there.
    """
    if codebooks.ndim != 3 or codebooks.shape[1] != 256 or codebooks.dtype != np.float32:
        raise KernelError(f"codebooks must be float32 of shape (M, 256, width), not {codebooks.shape}")
    m, _, width = codebooks.shape
    if codes.dtype != np.uint8 or codes.shape[1:] != (m,) or not codes.flags.c_contiguous:
        raise KernelError(f"codes must be C-contiguous uint8 of shape (total, {m}), not {codes.shape}")
    offsets = as_offsets(offsets, len(codes), "offsets")
    if (numbers is None) != (leaves is None):
        raise KernelError("numbers and leaves come together")
    if numbers is None or leaves is None:
        numbers, leaves = np.empty(0, np.uint16), np.empty((0, m * width), np.float32)
    elif numbers.shape != (len(codes),) or leaves.shape[1:] != (m * width,) or leaves.dtype != np.float32:
        raise KernelError(
            f"numbers and leaves must be ({len(codes)},) and float32 (K, {m * width}), not {numbers.shape} and "
            f"{leaves.shape}"
        )
    added = read_only(np.ascontiguousarray(numbers, np.uint16)), read_only(np.ascontiguousarray(leaves))
    documents = (read_only(codes), read_only(codebooks), read_only(offsets), float(length), float(far), *added)
    return search_sets(_scan, documents, m * width, (query_vectors, query_offsets), k, threads, path)
