"""What the scanners share: checks, queries as the tiles read them, threads."""

from __future__ import annotations

import itertools
from collections.abc import Callable

import numba
import numpy as np
from numba import njit

from methods.kernels.errors import KernelError
from methods.kernels.machine.path import Path
from methods.kernels.machine.threads import in_parts
from methods.kernels.scanning.ranged import Visits, by_all
from methods.kernels.simd.planar_tile import BLOCK, TRIPLE, WIDE
from methods.kernels.topk import EMPTY, MAX_IDS

__all__ = [
    "as_codes",
    "byte_queries",
    "check_k",
    "nibbles",
    "pad_queries",
    "pair_queries",
    "run",
    "table_queries",
    "taken",
]


_PART = 64  # blocks times queries for which another thread pays: some 50 microseconds


def as_codes(codes: np.ndarray, size: int | None, what: str) -> np.ndarray:
    """``codes`` as a C-contiguous (n, size) uint8 array; :class:`KernelError` says what is wrong otherwise."""
    codes = np.asarray(codes)
    if codes.dtype != np.uint8 or codes.ndim != 2 or (size is not None and codes.shape[1] != size):
        width = "size" if size is None else size
        raise KernelError(f"{what} must be uint8 of shape (n, {width}), not {codes.dtype} of shape {codes.shape}")
    if len(codes) > MAX_IDS:
        raise KernelError(f"{what} has {len(codes)} rows; one scanner takes at most {MAX_IDS}")
    return np.ascontiguousarray(codes)


def check_k(k: int) -> None:
    """Refuse a number of neighbors that is not an integer of at least 1."""
    if int(k) != k or k < 1:
        raise KernelError(f"k={k} is not a number of neighbors; use an integer of at least 1")


def pad_queries(rows: np.ndarray) -> np.ndarray:
    """(nq, ...) with zero rows added up to a multiple of the queries that a tile serves."""
    full = np.zeros((-(-len(rows) // WIDE) * WIDE, *rows.shape[1:]), rows.dtype)
    full[: len(rows)] = rows
    return full


@njit(cache=True, nogil=True)
def taken(rows: np.ndarray, chosen: np.ndarray) -> np.ndarray:
    """Rows ``chosen`` (m,) of (nq, width), padded as :func:`pad_queries` pads."""
    full = np.zeros(((len(chosen) + WIDE - 1) // WIDE * WIDE, rows.shape[1]), rows.dtype)
    _copy(rows, chosen, full)
    return full


# Element by element: indexing with an array, or assigning a row, takes numba seconds to compile for each dtype.
@njit(cache=True, nogil=True)
def _copy(rows: np.ndarray, chosen: np.ndarray, out: np.ndarray) -> None:
    for place in range(len(chosen)):
        row = chosen[place]
        for column in range(rows.shape[1]):
            out[place, column] = rows[row, column]


@njit(cache=True, nogil=True)
def rows_of(rows: np.ndarray, chosen: np.ndarray) -> np.ndarray:
    """``rows[chosen]``, for rows (n, width) and chosen (m,)."""
    out = np.empty((len(chosen), rows.shape[1]), rows.dtype)
    _copy(rows, chosen, out)
    return out


@njit(cache=True, nogil=True)
def values_of(values: np.ndarray, chosen: np.ndarray) -> np.ndarray:
    """``values[chosen]``, for values (n,) and chosen (m,)."""
    out = np.empty(len(chosen), values.dtype)
    for place in range(len(chosen)):
        out[place] = values[chosen[place]]
    return out


@njit(cache=True, nogil=True)
def tables_of(tables: np.ndarray, chosen: np.ndarray) -> np.ndarray:
    """``tables[chosen]``, for tables (n, rows, width) and chosen (m,)."""
    out = np.empty((len(chosen), tables.shape[1], tables.shape[2]), tables.dtype)
    for place in range(len(chosen)):
        table = chosen[place]
        for row in range(tables.shape[1]):
            for column in range(tables.shape[2]):
                out[place, row, column] = tables[table, row, column]
    return out


@njit(cache=True, nogil=True)
def put_rows(rows: np.ndarray, chosen: np.ndarray, changed: np.ndarray) -> None:
    """``rows[chosen] = changed``, for rows (n, width), chosen (m,) and changed (m, width)."""
    for place in range(len(chosen)):
        row = chosen[place]
        for column in range(rows.shape[1]):
            rows[row, column] = changed[place, column]


def nibbles(codes: np.ndarray) -> np.ndarray:
    """Codes (n, size) uint8 as nibbles (n, 2 * size) uint8, 0..15, the high half of a byte first."""
    return np.stack([codes >> 4, codes & 15], axis=2).reshape(len(codes), 2 * codes.shape[1])


def byte_queries(codes: np.ndarray) -> np.ndarray:
    """Query codes (nq, size) for the generic tile: uint8, every byte four times."""
    return np.repeat(pad_queries(codes), 4, axis=1)


def table_queries(codes: np.ndarray) -> np.ndarray:
    """Query codes (nq, size) for the AVX2 tile with a table: uint8, 16 times the nibble."""
    return pad_queries(nibbles(codes) << 4)


def pair_queries(codes: np.ndarray) -> np.ndarray:
    """Query codes (nq, size) for the AVX2 tile by pairs: (nq / 2, rows) uint16, 16 times (16 * first + second nibble).

    Rows are filled up with zeros to a multiple of three.
    """
    rows = pad_queries(nibbles(codes)).astype(np.uint16)
    pairs = rows[0::2] << 8 | rows[1::2] << 4
    return np.pad(pairs, ((0, 0), (0, -pairs.shape[1] % TRIPLE)))


def run(
    scan: Callable,
    path: Path,
    documents: tuple,
    batch: tuple,
    k: int,
    threads: int | None,
    visits: Visits,
) -> np.ndarray:
    """Heaps (parts, nq, k) int64 after a scan of some rows, on ``threads`` threads (numba's setting where None).

    ``scan(path, documents, batch, heaps, queries, query_ends, ranges, range_ends)`` is compiled and lets go of the
    interpreter; its last four are as :class:`Visits` has them. ``batch[1]`` is the number of queries. Each scanner has
    its own, though they differ little: numba keeps no compiled function that holds another one as a variable.
    """
    threads = numba.get_num_threads() if threads is None else threads
    most = numba.config.NUMBA_NUM_THREADS  # type: ignore[attr-defined]
    if not 1 <= threads <= most:
        raise KernelError(f"threads={threads} is not possible; use 1 to {most}")
    pieces = [visits] if threads == 1 else _split(visits, batch[1], threads)
    heaps = np.full((len(pieces), batch[1], k), EMPTY)
    if not heaps.size:
        return heaps

    def work(part: int, _start: int, _stop: int) -> None:
        piece = pieces[part]
        scan(path, documents, batch, heaps[part], piece.queries, piece.query_ends, piece.ranges, piece.range_ends)

    in_parts(work, len(pieces), len(pieces))
    return heaps


def _split(visits: Visits, nq: int, parts: int) -> list[Visits]:
    """Visits divided among at most ``parts`` threads: rows cut at blocks, or whole visits of about as much work."""
    touched = _blocks(visits.ranges)
    if visits.shared:
        parts = min(parts, nq * sum(touched) // _PART, sum(touched))
        return [visits] if parts <= 1 else [by_all(ranges) for ranges in _cut(visits.ranges, touched, parts)]
    blocks = np.append(0, np.cumsum(touched))[visits.range_ends]
    work = np.cumsum(np.diff(blocks) * np.diff(visits.query_ends))
    parts = max(1, min(parts, int(work[-1]) // _PART))
    edges = np.searchsorted(work, work[-1] * np.arange(1, parts) // parts) + 1
    return [
        Visits(
            visits.queries,
            visits.query_ends[first : last + 1],
            visits.ranges,
            visits.range_ends[first : last + 1],
        )
        for first, last in itertools.pairwise(np.unique([0, *edges, len(work)]))
    ]


def _blocks(ranges: np.ndarray) -> list[int]:
    """The blocks that each range touches; none for one without rows. In plain integers: most scans have one range."""
    return [-(-high // BLOCK) - low // BLOCK if low < high else 0 for low, high in ranges.tolist()]


def _cut(ranges: np.ndarray, counts: list[int], parts: int) -> list[np.ndarray]:
    """Ranges cut into ``parts`` of about as many whole blocks; ``counts`` are the blocks of each range."""
    total, done, pieces, ends = sum(counts), 0, [], [0]
    for (low, high), count in zip(ranges.tolist(), counts):
        while count:
            size = min(count, len(ends) * total // parts - done)
            cut = min(high, (low // BLOCK + size) * BLOCK)
            pieces.append((low, cut))
            low, count, done = cut, count - size, done + size
            while len(ends) <= parts and done == len(ends) * total // parts:
                ends.append(len(pieces))
    cuts = np.array(pieces, np.int64).reshape(-1, 2)
    return [cuts[first:last] for first, last in itertools.pairwise(ends)]
