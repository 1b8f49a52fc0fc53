"""Exact Chamfer (MaxSim) scores: for each query vector the largest inner product over a document's vectors, summed.

Chamfer(Q, P) = sum over q in Q of max over p in P of <q, p> (Barrow et al. 1977; ColBERT, Khattab & Zaharia 2020,
section 3.3). The vectors of all queries stand side by side in panels of two registers; a document's rows pass each
panel in tiles that keep all sums in registers and fold the maximum in, so that no matrix of products is ever written.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numba import njit

from methods.kernels.errors import KernelError
from methods.kernels.heap import push, sort_heap
from methods.kernels.machine.path import Path, choose
from methods.kernels.machine.threads import count_parts, in_parts, read_only
from methods.kernels.scanning.prepare import check_k
from methods.kernels.sets.offsets import as_offsets
from methods.kernels.simd.matrix_tile import as_panels, maximum_tile, tile_rows

__all__ = ["chamfer_candidates", "chamfer_reference", "chamfer_search", "chamfer_terms", "push_document", "search_sets"]

_BATCH = 4096  # query vectors that pass over the documents together
_HALF = np.dtype(np.float16)


def chamfer_reference(query: np.ndarray, document: np.ndarray) -> float:
    """Chamfer score of two sets (m, dim) and (t, dim) in float64; -inf for a document without vectors."""
    if not len(document):
        return -np.inf
    return float((query.astype(np.float64) @ document.astype(np.float64).T).max(axis=1).sum())


@njit(cache=True, nogil=True)
def _as_floats(halves: np.ndarray, out: np.ndarray) -> None:
    """Finite float16 values, as uint16 (t, dim), into float32 rows ``out`` (>= t, dim)."""
    up = np.float32(2.0**112)  # exponent and fraction in a float's place are the value times 2^-112, exactly
    for i in range(len(halves)):
        source, target = halves[i], out[i]
        for j in range(len(source)):
            half = np.uint32(source[j])
            bits = ((half & np.uint32(0x7FFF)) << np.uint32(13)) | ((half & np.uint32(0x8000)) << np.uint32(16))
            target[j] = np.uint32(bits).view(np.float32) * up


@njit(cache=True, nogil=True)
def _raise_maxima(
    path: Path, tile: int, panels: np.ndarray, first: int, stop: int, rows: np.ndarray, best: np.ndarray
) -> None:
    """``best`` of the panels ``first:stop``: the largest product of each column with ``rows`` (t, dim).

    The last tile overlaps the one before it: a maximum does not mind.
    """
    t, dim = rows.shape
    width = panels.shape[2]
    for panel in range(first, stop):
        start = panel * dim * width
        at = (panel - first) * width
        best[at : at + width] = -np.inf
        if t < tile:
            for i in range(t):
                maximum_tile(path, False, panels, start, rows, i * dim, dim, dim, best, at)
        else:
            for i in range(0, t, tile):
                maximum_tile(path, True, panels, start, rows, min(i, t - tile) * dim, dim, dim, best, at)


@njit(cache=True, nogil=True)
def _rows(vectors: np.ndarray, halves: np.ndarray, start: int, stop: int, scratch: np.ndarray) -> np.ndarray:
    """Rows ``start:stop`` as float32: in place, or converted into ``scratch`` where they are stored as halves."""
    if len(halves):
        _as_floats(halves[start:stop], scratch)
        return scratch[: stop - start]
    return vectors[start:stop]


@njit(cache=True, nogil=True)
def push_document(
    path: Path, tile: int, queries: tuple, doc: int, rows: np.ndarray, best: np.ndarray, heaps: tuple
) -> None:
    """Score a document of vectors ``rows`` (t, dim) for each query; push it into heaps, keys and ids (nq, k).

    ``best`` is room for the largest product of each vector of the queries.
    """
    panels, bounds = queries
    _raise_maxima(path, tile, panels, 0, len(panels), rows, best)
    for q in range(len(bounds) - 1):
        score, keys = np.float32(0), heaps[0][q]
        for i in range(bounds[q], bounds[q + 1]):
            score += best[i]
        if -score < keys[0]:
            push(keys, heaps[1][q], -score, doc)


@njit(cache=True, nogil=True)
def _scan(
    path: Path, tile: int, queries: tuple, documents: tuple, start: int, stop: int, keys: np.ndarray, ids: np.ndarray
) -> None:
    """The best documents of ``start:stop`` for each query: heaps ``keys``, ``ids`` (nq, k), left unsorted."""
    panels = queries[0]
    vectors, halves, offsets, longest = documents
    scratch = np.empty((longest if len(halves) else 0, panels.shape[1]), np.float32)
    best = np.empty(len(panels) * panels.shape[2], np.float32)
    for doc in range(start, stop):
        rows = _rows(vectors, halves, offsets[doc], offsets[doc + 1], scratch)
        push_document(path, tile, queries, doc, rows, best, (keys, ids))


@njit(cache=True, nogil=True)
def _score(path: Path, tile: int, queries: tuple, documents: tuple, candidates: np.ndarray, scores: np.ndarray) -> None:
    """``scores[q, c]`` of the documents ``candidates[q, c]``; untouched where that is negative."""
    panels, bounds = queries
    vectors, halves, offsets, longest = documents
    width = panels.shape[2]
    scratch = np.empty((longest if len(halves) else 0, panels.shape[1]), np.float32)
    best = np.empty(len(panels) * width, panels.dtype)
    for q in range(len(candidates)):
        if bounds[q] == bounds[q + 1]:
            continue
        first, stop = bounds[q] // width, (bounds[q + 1] - 1) // width + 1
        for c in range(candidates.shape[1]):
            doc = candidates[q, c]
            if doc < 0:
                continue
            rows = _rows(vectors, halves, offsets[doc], offsets[doc + 1], scratch)
            _raise_maxima(path, tile, panels, first, stop, rows, best)
            total = best[bounds[q] - first * width]
            for i in range(bounds[q] + 1 - first * width, bounds[q + 1] - first * width):
                total += best[i]
            scores[q, c] = total


@njit(cache=True, nogil=True)
def _fill_terms(
    path: Path, tile: int, panels: np.ndarray, documents: tuple, start: int, stop: int, terms: np.ndarray
) -> None:
    """``terms[d, q]``, the largest product of column q with document d, of the documents ``start:stop``."""
    vectors, halves, offsets, longest = documents
    scratch = np.empty((longest if len(halves) else 0, panels.shape[1]), np.float32)
    best = np.empty(len(panels) * panels.shape[2], np.float32)
    for doc in range(start, stop):
        rows = _rows(vectors, halves, offsets[doc], offsets[doc + 1], scratch)
        _raise_maxima(path, tile, panels, 0, len(panels), rows, best)
        terms[doc] = best[: terms.shape[1]]


def _documents(vectors: np.ndarray, offsets: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, int]:
    """What the kernels read: float32 rows, or float16 rows as uint16, one of the two empty; offsets; longest set."""
    if vectors.ndim != 2 or vectors.dtype not in (np.float32, np.float16) or not vectors.flags.c_contiguous:
        raise KernelError(f"vectors must be C-contiguous float32 or float16 (total, dim), not {vectors.dtype}")
    offsets = as_offsets(offsets, len(vectors), "offsets")
    longest = int(np.diff(offsets).max(initial=0))
    half = vectors.dtype == _HALF
    floats = np.empty((0, vectors.shape[1]), np.float32) if half else vectors
    halves = vectors.view(np.uint16) if half else np.empty((0, vectors.shape[1]), np.uint16)
    return read_only(floats), read_only(halves), read_only(offsets), longest


def _query_bounds(vectors: np.ndarray, offsets: np.ndarray, dim: int) -> np.ndarray:
    if vectors.ndim != 2 or vectors.shape[1] != dim:
        raise KernelError(f"queries must have shape (total, {dim}), not {vectors.shape}")
    return as_offsets(offsets, len(vectors), "query_offsets")


def _batches(bounds: np.ndarray) -> list[tuple[int, int]]:
    """Ranges of queries with about :data:`_BATCH` vectors each."""
    spans, start = [], 0
    while start < len(bounds) - 1:
        stop = max(start + 1, int(np.searchsorted(bounds, bounds[start] + _BATCH, side="right")) - 1)
        spans.append((start, min(stop, len(bounds) - 1)))
        start = spans[-1][1]
    return spans


def chamfer_search(
    query_vectors: np.ndarray,
    query_offsets: np.ndarray,
    vectors: np.ndarray,
    offsets: np.ndarray,
    k: int,
    threads: int | None = None,
    path: str | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """The ``k`` documents of largest Chamfer score for each query; ties by the smaller id.

    Parameters
    ----------
    query_vectors, query_offsets : (total, dim) float32, (nq + 1,) int64
        Vectors ``query_offsets[i] : query_offsets[i + 1]`` are query i's; one without vectors scores 0 everywhere.
    vectors, offsets : (total, dim) float32 or float16, (n + 1,) int64
        The documents likewise; one without vectors scores -inf and is never returned.
    k : int
        At least 1.
    threads : int, optional
        Numba's setting if None.
    path : str, optional
        As for the other kernels.

    Returns
    -------
    scores : (nq, k) float32
        Descending; -inf padded.
    ids : (nq, k) int64
        Padded with -1.
    """
    documents, queries = _documents(vectors, offsets), (query_vectors, query_offsets)
    return search_sets(_scan, documents, vectors.shape[1], queries, k, threads, path)


def search_sets(
    scan: Callable[..., None], documents: tuple, dim: int, queries: tuple, k: int, threads: int | None, path: str | None
) -> tuple[np.ndarray, np.ndarray]:
    """As :func:`chamfer_search`, by a kernel ``scan`` that takes what :func:`_scan` does.

    ``documents``, of ``dim`` dimensions, are as it reads them, with offsets third; ``queries`` are vectors and offsets.
    """
    check_k(k)
    chosen, n, bounds = choose(path), len(documents[2]) - 1, _query_bounds(queries[0], queries[1], dim)
    parts = count_parts(n, threads)
    scores, ids = np.full((len(bounds) - 1, k), -np.inf, np.float32), np.full((len(bounds) - 1, k), -1, np.int64)
    for first, last in _batches(bounds):
        some = queries[0][bounds[first] : bounds[last]].astype(np.float32, copy=False)
        batch = (as_panels(some, chosen), bounds[first : last + 1] - bounds[first])
        keys = np.full((parts, last - first, min(k, max(n, 1))), np.inf, np.float32)
        heap_ids = np.full(keys.shape, -1, np.int64)

        def scan_part(part: int, start: int, stop: int, own: tuple = (batch, keys, heap_ids)) -> None:
            scan(chosen, tile_rows(chosen), own[0], documents, start, stop, own[1][part], own[2][part])

        in_parts(scan_part, n, threads)
        _merge(keys, heap_ids, scores[first:last], ids[first:last])
    return scores, ids


def _merge(keys: np.ndarray, heap_ids: np.ndarray, scores: np.ndarray, ids: np.ndarray) -> None:
    """The best of all parts' heaps (parts, nq, k') into sorted ``scores`` and ``ids`` (nq, k)."""
    kept = keys.shape[2]
    if len(keys) == 1:
        for q in range(len(scores)):
            sort_heap(keys[0, q], heap_ids[0, q])
        merged, labels = keys[0], heap_ids[0]
    else:
        merged, labels = (array.transpose(1, 0, 2).reshape(len(scores), -1) for array in (keys, heap_ids))
        order = np.lexsort((labels, merged), axis=1)[:, :kept]
        merged, labels = np.take_along_axis(merged, order, axis=1), np.take_along_axis(labels, order, axis=1)
    scores[:, :kept], ids[:, :kept] = -merged, labels


def chamfer_candidates(
    query_vectors: np.ndarray,
    query_offsets: np.ndarray,
    vectors: np.ndarray,
    offsets: np.ndarray,
    candidates: np.ndarray,
    *,
    exact: bool = False,
    path: str | None = None,
) -> np.ndarray:
    """Chamfer scores (nq, m) of the documents ``candidates`` (nq, m) int64 of each query; -inf where that is -1.

    float32, or computed in float64 where ``exact``. The rest as for :func:`chamfer_search`.
    """
    chosen, documents = choose(path), _documents(vectors, offsets)
    bounds = _query_bounds(query_vectors, query_offsets, vectors.shape[1])
    candidates = np.ascontiguousarray(candidates, np.int64)
    if candidates.size and candidates.max() >= len(offsets) - 1:
        raise KernelError(f"candidate {candidates.max()} is none of {len(offsets) - 1} documents")
    dtype = np.float64 if exact else np.float32
    if candidates.shape[:-1] != (len(bounds) - 1,):
        raise KernelError(f"candidates must have shape ({len(bounds) - 1}, m), not {candidates.shape}")
    scores = np.full(candidates.shape, -np.inf, dtype)
    scores[(np.diff(bounds) == 0)[:, None] & (candidates >= 0)] = 0
    for start, stop in _batches(bounds):
        some = query_vectors[bounds[start] : bounds[stop]].astype(dtype, copy=False)
        queries = (as_panels(some, chosen), bounds[start : stop + 1] - bounds[start])
        _score(chosen, tile_rows(chosen), queries, documents, candidates[start:stop], scores[start:stop])
    return scores


def chamfer_terms(
    query_vectors: np.ndarray,
    vectors: np.ndarray,
    offsets: np.ndarray,
    threads: int | None = None,
    path: str | None = None,
) -> np.ndarray:
    """What each query vector adds to the Chamfer score of each document: (n, m) float32.

    Parameters
    ----------
    query_vectors : (m, dim) float32
        The largest inner product of each with a document's vectors is a term; -inf to one without vectors.
    vectors, offsets, threads, path
        As for :func:`chamfer_search`.
    """
    chosen, documents = choose(path), _documents(vectors, offsets)
    n = len(offsets) - 1
    _query_bounds(query_vectors, np.array([0, len(query_vectors)]), vectors.shape[1])
    panels = as_panels(query_vectors.astype(np.float32, copy=False), chosen)
    terms = np.empty((n, len(query_vectors)), np.float32)

    def fill(_: int, start: int, stop: int) -> None:
        _fill_terms(chosen, tile_rows(chosen), panels, documents, start, stop, terms)

    in_parts(fill, n, threads)
    return terms
