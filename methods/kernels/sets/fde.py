"""Fixed dimensional encodings of sets of vectors: SimHash partitions, one block of the output for each.

A set costs one product with all hyperplanes, then for each repetition a sum a partition and a product of these sums
with the inner projection: since that is linear it comes after the sum, on a few partitions rather than every vector.
:func:`encode_reference` says the same readably.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from methods.kernels.errors import KernelError
from methods.kernels.machine.path import Path, choose
from methods.kernels.machine.threads import in_parts, read_only
from methods.kernels.sets.offsets import as_offsets
from methods.kernels.simd.matrix_tile import as_panels, multiply_tile, panel_width, tile_rows

__all__ = ["SetEncoder", "encode_reference", "gray_decode", "partitions"]

_FAST = {"contract", "nsz"}  # a fused multiply-add may round once; the order of sums stays


def gray_decode(bits: np.ndarray) -> np.ndarray:
    """Partition numbers (...,) of bits (..., k), the first the most significant: 000 001 011 010 -> 0 1 2 3."""
    numbers = np.zeros(bits.shape[:-1], np.int64)
    for j in range(bits.shape[-1]):
        numbers = (numbers << 1) + (bits[..., j].astype(np.int64) ^ (numbers & 1))
    return numbers


def partitions(vectors: np.ndarray, hyperplanes: np.ndarray, thresholds: np.ndarray | None = None) -> np.ndarray:
    """Partition (R, n) of each of (n, dim) vectors for hyperplanes (R, dim, k) and thresholds (R, k), zero if None."""
    products = np.einsum("nd,rdk->rnk", vectors, hyperplanes)
    return gray_decode(products > (0 if thresholds is None else thresholds[:, None, :]))


def encode_reference(
    vectors: np.ndarray,
    hyperplanes: np.ndarray,
    inner_projection: np.ndarray | None,
    *,
    query: bool,
    fill_empty: bool,
    earliest: bool = False,
    thresholds: np.ndarray | None = None,
) -> np.ndarray:
    """The encoding (R * 2^k * inner,) float32 of one set (n, dim), before a final projection.

    Parameters
    ----------
    hyperplanes : (R, dim, k)
    inner_projection : (R, dim, inner) or None
        None: the identity.
    query : bool
        Sum the vectors of a partition rather than average them.
    fill_empty : bool
        An empty partition of a document takes a vector with the fewest bits other than the partition's.
    earliest : bool
        Of several such vectors the first; else the first of the partition that comes first.
    """
    blocks = []
    count = 1 << hyperplanes.shape[2]
    gray = np.arange(count) ^ (np.arange(count) >> 1)
    for r, partition in enumerate(partitions(vectors, hyperplanes, thresholds)):
        block = np.zeros((count, vectors.shape[1]), np.float64)
        for p in range(count):
            inside = vectors[partition == p].astype(np.float64)
            if len(inside):
                block[p] = inside.sum(axis=0) if query else inside.mean(axis=0)
            elif fill_empty and not query and len(vectors):
                disagreeing = np.bitwise_count(gray[partition] ^ gray[p]).astype(np.int64)
                order = np.arange(len(vectors)) if earliest else partition * len(vectors) + np.arange(len(vectors))
                block[p] = vectors[np.lexsort((order, disagreeing))[0]]
        blocks.append(block if inner_projection is None else block @ inner_projection[r])
    return np.concatenate(blocks).ravel().astype(np.float32)


@njit(cache=True, nogil=True)
def _multiply(path: Path, tile: int, rows: np.ndarray, panel: np.ndarray, out: np.ndarray, column: int) -> None:
    """``out[:, column : column + width] = rows @ panel`` for rows (n, dim) and one panel (dim, width).

    The last tile overlaps the one before it; a few rows go one by one.
    """
    n, dim = rows.shape
    width = out.shape[1]
    if n < tile:
        for i in range(n):
            multiply_tile(path, False, panel, 0, rows, i * dim, dim, dim, out, i * width + column, width)
        return
    for start in range(0, n, tile):
        i = min(start, n - tile)
        multiply_tile(path, True, panel, 0, rows, i * dim, dim, dim, out, i * width + column, width)


@njit(cache=True, nogil=True)
def _assign(
    path: Path, tile: int, vectors: np.ndarray, simhash: tuple, products: np.ndarray, assigned: np.ndarray
) -> None:
    """Partitions ``assigned`` (R, n) int32 of ``vectors`` (n, dim), by ``products`` (tokens at a time, columns)."""
    planes, thresholds, bits = simhash
    step, width = len(products), planes.shape[2]
    for start in range(0, len(vectors), step):
        some = vectors[start : start + step]
        for panel in range(len(planes)):
            _multiply(path, tile, some, planes[panel], products, panel * width)
        for i in range(len(some)):
            line = products[i]
            for r in range(len(assigned)):
                p = 0
                for j in range(r * bits, (r + 1) * bits):
                    p = (p << 1) + ((1 if line[j] > thresholds[j] else 0) ^ (p & 1))
                assigned[r, start + i] = p


@njit(cache=True, nogil=True)
def _nearest_occupied(partition: int, first: np.ndarray, earliest: bool) -> int:
    """First vector of a partition whose Gray code has the fewest bits other than ``partition``'s: see ``earliest``
    of :func:`encode_reference`."""
    own = partition ^ (partition >> 1)
    best, chosen = 64, -1
    for p in range(len(first)):
        if first[p] < 0:
            continue
        difference = own ^ p ^ (p >> 1)
        count = 0
        while difference:
            difference &= difference - 1
            count += 1
        if count < best or (earliest and count == best and first[p] < chosen):
            best, chosen = count, first[p]
    return chosen


@njit(cache=True, nogil=True, fastmath=_FAST)
def _sum_partitions(
    vectors: np.ndarray, assigned: np.ndarray, query: bool, sums: np.ndarray, first: np.ndarray
) -> None:
    """Rows ``sums`` (P, dim): sum (query) or mean of a partition's vectors; ``first`` (P,) of them, -1 where empty."""
    sizes = np.zeros(len(first), np.int64)
    dim = sums.shape[1]
    for p in range(len(first)):
        first[p] = -1
        for j in range(dim):
            sums[p, j] = np.float32(0)
    for i in range(len(vectors)):
        p = assigned[i]
        if sizes[p] == 0:
            first[p] = i
        sizes[p] += 1
        for j in range(dim):
            sums[p, j] += vectors[i, j]
    if not query:
        for p in range(len(first)):
            if sizes[p] > 1:
                factor = np.float32(1) / np.float32(sizes[p])
                for j in range(dim):
                    sums[p, j] *= factor


@njit(cache=True, nogil=True)
def _encode_set(
    path: Path,
    tile: int,
    vectors: np.ndarray,
    assigned: np.ndarray,
    inner: tuple,
    mode: tuple,
    scratch: tuple,
    out: np.ndarray,
) -> None:
    """The blocks of one set into ``out`` (R * P * width,)."""
    panels, width = inner
    query, fill, earliest = mode
    sums, first, block = scratch
    count = len(sums)
    for r in range(len(assigned)):
        _sum_partitions(vectors, assigned[r], query, sums, first)
        if fill and len(vectors):
            for p in range(count):
                if first[p] < 0:
                    chosen = _nearest_occupied(p, first, earliest)
                    for j in range(sums.shape[1]):
                        sums[p, j] = vectors[chosen, j]
        source = block if panels.shape[1] else sums
        for panel in range(panels.shape[1]):
            _multiply(path, tile, sums, panels[r, panel], block, panel * panels.shape[3])
        for p in range(count):
            start = (r * count + p) * width
            for j in range(width):
                out[start + j] = source[p, j]


@njit(cache=True, nogil=True)
def _encode_range(
    path: Path,
    tile: int,
    vectors: np.ndarray,
    offsets: np.ndarray,
    simhash: tuple,
    inner: tuple,
    final: tuple,
    mode: tuple,
    start: int,
    stop: int,
    out: np.ndarray,
) -> None:
    """Sets ``start:stop`` into their rows of ``out``, which come zeroed; an empty set leaves its row so."""
    planes, panels = simhash[0], inner[0]
    final_index, final_sign, count, repetitions = final
    products = np.empty((128, len(planes) * planes.shape[2]), np.float32)
    scratch = (
        np.empty((count, vectors.shape[1]), np.float32),
        np.empty(count, np.int64),
        np.empty((count, panels.shape[1] * panels.shape[3]), np.float32),
    )
    longest = 0
    for i in range(start, stop):
        longest = max(longest, offsets[i + 1] - offsets[i])
    assigned = np.empty((repetitions, longest), np.int32)
    unsketched = np.empty(len(final_index), np.float32)
    for i in range(start, stop):
        some = vectors[offsets[i] : offsets[i + 1]]
        here = assigned[:, : len(some)]
        _assign(path, tile, some, simhash, products, here)
        if not len(final_index):
            _encode_set(path, tile, some, here, inner, mode, scratch, out[i])
            continue
        _encode_set(path, tile, some, here, inner, mode, scratch, unsketched)
        for j in range(len(unsketched)):
            out[i, final_index[j]] += final_sign[j] * unsketched[j]


class SetEncoder:
    """Encodes sets of vectors; each encoding depends on its set alone, to the last bit.

    Parameters
    ----------
    hyperplanes : (R, dim, k) float32
        Bit j of a vector in repetition r is ``vector @ hyperplanes[r, :, j] > thresholds[r, j]``.
    inner_projection : (R, dim, inner) float32 or None
        None: the identity.
    final_index, final_sign : (R * 2^k * inner,) integers and +-1, optional
        A count sketch of the whole encoding: entry i is added to ``final_index[i]`` with its sign.
    final_dim : int
        Width of that; 0 for none.
    thresholds : (R, k) float32, optional
        Zeros if None.
    path : str, optional
        As for the other kernels.
    """

    def __init__(
        self,
        hyperplanes: np.ndarray,
        inner_projection: np.ndarray | None = None,
        final_index: np.ndarray | None = None,
        final_sign: np.ndarray | None = None,
        final_dim: int = 0,
        thresholds: np.ndarray | None = None,
        path: str | None = None,
    ) -> None:
        repetitions, self.dim, bits = hyperplanes.shape
        self.path = choose(path)
        flat = hyperplanes.transpose(0, 2, 1).reshape(repetitions * bits, self.dim)
        limits = np.zeros(repetitions * bits) if thresholds is None else thresholds.ravel()
        simhash = (as_panels(flat.astype(np.float32), self.path), limits.astype(np.float32), bits)
        if inner_projection is None:
            panels, width = np.empty((repetitions, 0, self.dim, panel_width(self.path)), np.float32), self.dim
        else:
            transposed = inner_projection.astype(np.float32).transpose(0, 2, 1)
            panels = np.stack([as_panels(columns, self.path) for columns in transposed])
            width = transposed.shape[1]
        self.width = final_dim or (repetitions << bits) * width
        if final_index is None or final_sign is None:
            final_index = final_sign = np.empty(0)
        final = (final_index.astype(np.int64), final_sign.astype(np.float32), 1 << bits, repetitions)
        self._maps = (simhash, (panels, width), final)

    def encode(
        self,
        vectors: np.ndarray,
        offsets: np.ndarray,
        *,
        query: bool = False,
        fill_empty: bool = False,
        earliest: bool = False,
        threads: int | None = None,
    ) -> np.ndarray:
        """Encodings (n, width) float32 of the sets ``vectors[offsets[i] : offsets[i + 1]]``.

        Parameters
        ----------
        vectors : (total, dim) float32
            Copied where they are not C-contiguous.
        offsets : (n + 1,) int64
        query, fill_empty, earliest : bool
            As for :func:`encode_reference`.
        threads : int, optional
            Numba's setting if None.
        """
        if vectors.ndim != 2 or vectors.shape[1] != self.dim or vectors.dtype != np.float32:
            raise KernelError(f"vectors must be float32 (total, {self.dim}), not {vectors.dtype} of {vectors.shape}")
        vectors, offsets = np.ascontiguousarray(vectors), as_offsets(offsets, len(vectors), "offsets")
        out = np.zeros((len(offsets) - 1, self.width), np.float32)
        mode = (bool(query), bool(fill_empty) and not query, bool(earliest))
        arguments = (self.path, tile_rows(self.path), read_only(vectors), read_only(offsets), *self._maps, mode)
        in_parts(lambda _, start, stop: _encode_range(*arguments, start, stop, out), len(out), threads)
        return out
