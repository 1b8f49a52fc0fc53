"""Asymmetric search of codes whose symbols stand for unevenly spaced levels, with more bits for some dimensions.

A block of 64 documents is unpacked into one unsigned byte a dimension, once for all queries of a batch; the rest
is a product of int8 weights with bytes (:mod:`methods.kernels.simd.level_tile`). The first dimensions, whose levels are
many and whose weights are large, are unpacked into numbers of 16 bits.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from methods.kernels import topk
from methods.kernels.errors import KernelError
from methods.kernels.machine.cpu import WIDEST
from methods.kernels.machine.path import choose
from methods.kernels.scanning import layout, prepare
from methods.kernels.scanning.factors import Scales
from methods.kernels.scanning.integer_levels import MAX_LEVEL, IntegerLevels, round_weights
from methods.kernels.scanning.level_fold import fold_levels
from methods.kernels.scanning.level_layout import (
    code_places,
    expansion_runs,
    length_tables,
    picked,
    stage_tables,
)
from methods.kernels.scanning.level_scan import largest_factor, visit_levels
from methods.kernels.scanning.ranged import Ranged, all_rows
from methods.kernels.scanning.stage_lengths import StageLengths
from methods.kernels.scanning.stage_squares import StageSquares
from methods.kernels.simd.level_tile import segment_ends
from methods.kernels.simd.planar_tile import BLOCK, WIDE
from methods.kernels.simd.unpack_symbols import ALPHABETS, GROUP
from methods.kernels.simd.unpackers import TRELLIS

__all__ = ["LevelScanner"]

_WIDE_BITS = 5  # from so many bits on, bytes are too coarse for the levels
_WIDE_SHARE = 8  # one group in so many is wide in any case


@njit(cache=True, nogil=True)
def _all_ends(weights: np.ndarray, tops: np.ndarray, width: int, ends: np.ndarray, segments: np.ndarray) -> None:
    for tile in range(len(segments)):
        segments[tile] = segment_ends(weights, tops, tile * width, width, ends[tile])


class LevelScanner(Ranged):
    """Exhaustive search by inner product or squared distance; ties by the smaller id.

    A code stands for ``factor * sum over dimensions of deviation * level``, see :class:`IntegerLevels` and ``spreads``.
    With ``stages``, what each query's tables say of a document's stages is added to the sum: before the factor, or
    after it under l2. With ``sizes``, the sum is first multiplied with
    the document's size. With ``offsets``, a document's offset times the query's weight is added last.

    Parameters
    ----------
    codes : (n, sum of bits) uint8
        Groups of eight dimensions one after the other, packed as :mod:`methods.kernels.simd.unpack_symbols` says.
    alphabets : (groups,) int
        1..14 of :class:`IntegerLevels`; equal ones side by side scan fastest. Groups of trellises stand side by side
        and are one circular path (:mod:`methods.kernels.simd.unpack_trellis`).
    spreads : (groups,) float32
        Standard deviations: what a group's levels are multiplied with.
    levels : IntegerLevels
    entries, factors : (n,) uint8, (256,) float32
        Each document's entry in the table of factors; both None where ``stage_lengths`` give them.
    l2 : bool
        Order by squared distance; with stages, scores are products less half of the squared length.
    stages : (n, s) uint8, optional
        Kept with the codes.
    stage_squares : StageSquares, optional
        Needed exactly for stages under l2.
    stage_lengths : StageLengths, optional
        Of documents whose factors make them of one length. With stages, not under l2, and without sizes.
    products : (n, bytes) uint8, optional
        Kept with the stages: the bytes of ``stage_squares.products``; ``entries`` where they are not given.
    offsets : (n, bytes) uint8, optional
        Kept with the codes; an offset is the sum of what ``offset_tables`` say of its bytes. Not under l2.
    offset_tables : (bytes, 256) float32, optional
    sizes : (256,) float32, optional
        Positive. What each value of a document's byte of ``size_bytes`` says. Not under l2.
    size_bytes : (n, 1) uint8, optional
        Kept with the codes; ``entries`` where they are not given.
    finer : bool
        Round all weights to 16 bits, not the first alone: for queries far from all documents' mean; takes longer.
    threads, path
        As for :class:`~methods.kernels.scanning.sdc.SDCScanner`.

    Attributes
    ----------
    nbytes, padding : int
        Bytes kept (entries and stages included), and how many of them only fill up the last block.
    """

    def __init__(
        self,
        codes: np.ndarray,
        alphabets: np.ndarray,
        spreads: np.ndarray,
        levels: IntegerLevels,
        entries: np.ndarray | None,
        factors: np.ndarray | None,
        l2: bool = False,
        threads: int | None = None,
        path: str | None = None,
        stages: np.ndarray | None = None,
        stage_squares: StageSquares | None = None,
        stage_lengths: StageLengths | None = None,
        products: np.ndarray | None = None,
        offsets: np.ndarray | None = None,
        offset_tables: np.ndarray | None = None,
        sizes: np.ndarray | None = None,
        size_bytes: np.ndarray | None = None,
        finer: bool = False,
    ) -> None:
        alphabets = np.asarray(alphabets, np.int64)
        if alphabets.ndim != 1 or not len(alphabets) or alphabets.min() < 1 or alphabets.max() >= ALPHABETS:
            raise KernelError(f"alphabets must be a non-empty list of integers from 1 to {ALPHABETS - 1}")
        if len(paths := np.flatnonzero(alphabets > TRELLIS)) and paths[-1] - paths[0] >= len(paths):
            raise KernelError("groups of trellises must stand side by side: they are one path")
        bits = np.where(alphabets > TRELLIS, alphabets - TRELLIS, alphabets)
        codes = prepare.as_codes(codes, int(bits.sum()), "codes")
        if levels.tops.max() > MAX_LEVEL:
            raise KernelError(f"levels go up to {levels.tops.max()}; they may reach {MAX_LEVEL}")
        self.size, self.code_size = codes.shape
        self.visits = all_rows(self.size)
        self.dim, self.l2, self.threads, self.path = GROUP * len(alphabets), bool(l2), threads, choose(path)
        self._places = code_places(self.path, alphabets)
        self.scales = Scales(entries, factors, self.size)
        stages = np.empty((self.size, 0), np.uint8) if stages is None else prepare.as_codes(stages, None, "stages")
        if len(stages) != self.size:
            raise KernelError(f"stages must be {self.size} rows; there are {len(stages)}")
        self.stages = stages.shape[1]
        if (len(stage_squares.halves) if stage_squares else 0) != (self.stages if l2 else 0):
            raise KernelError(f"stage_squares belong to l2, and to all of its {self.stages} stages")
        if (entries is None) != (stage_lengths is not None):
            raise KernelError("factors have entries, or stage_lengths give them")
        if stage_lengths is not None and (l2 or sizes is not None or len(stage_lengths.along) != self.stages):
            raise KernelError("stage_lengths belong to all stages, not to l2 and not to sizes")
        if products is not None:
            if stage_squares is None:
                raise KernelError("products need stage_squares")
            stages = np.hstack([stages, prepare.as_codes(products, len(stage_squares.products), "products")])
        if offsets is not None:
            if l2 or offset_tables is None or len(offsets) != self.size:
                raise KernelError(f"offsets need offset_tables and {self.size} rows, and no l2")
            stages = np.hstack([stages, prepare.as_codes(offsets, len(offset_tables), "offsets")])
        if sizes is not None and (l2 or sizes.shape != (256,) or not sizes.min() > 0):
            raise KernelError("sizes are 256 positive numbers, and not for l2")
        if size_bytes is not None:
            if sizes is None:
                raise KernelError("size_bytes need sizes")
            stages = np.hstack([stages, prepare.as_codes(size_bytes, 1, "size_bytes")])
        self._sign = -1 if stage_squares else 1  # squared lengths are subtracted
        self._stages, self._stage_bytes = layout.planar(stages), stages.shape[1]
        self.blocks = layout.planar(codes, self._places)
        many = len(bits) if finer else 1 + int(np.flatnonzero(bits >= _WIDE_BITS).max(initial=-1))
        wide = np.arange(len(bits)) < max(many, -(-len(bits) // _WIDE_SHARE))
        runs = expansion_runs(self.path, alphabets, bits, wide, summed=not l2 and stage_lengths is None)
        level_units = spreads * np.where(wide, levels.word_units[alphabets], levels.units[alphabets])
        self._weights = np.repeat(level_units, GROUP).astype(np.float32)
        self._wide = GROUP * int(wide.sum())  # dimensions
        self._wide_order = np.arange(self._wide).reshape(-1, 2, 2).swapaxes(1, 2).ravel()  # as in the rows of words
        self._tops = np.repeat(levels.tops[alphabets[~wide]], GROUP // 4).astype(np.int32)
        squares = np.repeat(level_units**2, np.where(wide, GROUP // 2, GROUP // 4)) if l2 else np.empty(0)
        lengths = length_tables(stage_lengths, self._weights, self._wide_order)
        documents = (
            self.blocks,
            runs,
            levels.tables(self.path.name),
            self._tops,
            self._wide // 2,
            squares.astype(np.float32),
            self._stages,
            *stage_tables(stage_squares),
            np.empty((0, 256), np.float32) if offset_tables is None else offset_tables,
            np.empty(0, np.float32) if sizes is None else np.ascontiguousarray(sizes, np.float32),
        )
        if stage_lengths is not None:
            lengths = lengths._replace(largest=largest_factor(self.path, documents, lengths, self.size, self.stages))
        self._documents = (*documents, lengths, *self.scales.arrays)

    @property
    def nbytes(self) -> int:
        return self.blocks.nbytes + self._stages.nbytes + self.scales.nbytes

    @property
    def padding(self) -> int:
        return layout.padding(self.size, self.code_size + self._stage_bytes + self.scales.bytes_each)

    def search(
        self, queries: np.ndarray, k: int, tables: np.ndarray | None = None, weights: np.ndarray | None = None
    ) -> tuple[np.ndarray, np.ndarray]:
        """The ``k`` best codes of each query.

        Parameters
        ----------
        queries : (nq, dim) float32
            Finite, in the coordinates of the levels.
        k : int
            At least 1.
        tables : (nq, stages, 256) float32
            What is added for each value of a document's stages; needed exactly if there are stages.
        weights : (nq,) float32
            What documents' offsets are multiplied with; 1 where it is not given.

        Returns
        -------
        scores : (nq, k) float32
            Descending inner products, -inf padded; under ``l2`` without stages ascending squared distances, inf padded.
        ids : (nq, k) int64
            Rows of the codes; padded with -1.
        """
        prepare.check_k(k)
        queries = np.asarray(queries, np.float32)
        batch = self._batch(queries, tables, weights, pads=len(queries) != 1)
        heaps = prepare.run(
            visit_levels, self.path, self._documents, batch, min(k, self.size), self.threads, self.visits
        )
        keys, ids = topk.results(heaps, k)
        scores = topk.scores(keys)
        if self.l2 and not self.stages:
            scores = topk.squared_distances(queries, scores)
        return scores, ids

    def fold(
        self,
        queries: np.ndarray,
        offsets: np.ndarray,
        best: np.ndarray,
        tables: np.ndarray | None = None,
        weights: np.ndarray | None = None,
    ) -> None:
        """Raise ``best[q, i]`` to the largest score of query q among codes ``offsets[i] : offsets[i + 1]``; one thread.

        Parameters
        ----------
        offsets : (n + 1,) int64
            Ascending from 0 to the number of codes.
        best : (nq, n) float32
        queries, tables, weights
            As for :meth:`search`.
        """
        if self.l2:
            raise KernelError("the largest of squared distances is no use; fold scores of inner products")
        batch = self._batch(np.asarray(queries, np.float32), tables, weights, pads=True)
        fold_levels(self.path, self._documents, batch, offsets, best)

    def taken(self, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Codes (m, size), stages with all that is kept beside them (m, bytes), and entries of given rows.

        Entries are (m, 1), or (m, 0) where there are none.
        """
        stages = picked(self._stages, np.arange(self._stage_bytes * BLOCK).reshape(-1, BLOCK), rows)
        entries = self.scales.entries.reshape(-1, 1)
        entries = entries[rows] if len(entries) else np.empty((len(rows), 0), np.uint8)
        return picked(self.blocks, self._places, rows), stages, entries

    def _batch(
        self, queries: np.ndarray, tables: np.ndarray | None, weights: np.ndarray | None, *, pads: bool
    ) -> tuple:
        """Queries as the kernels read them, filled up to whole tiles if ``pads``."""
        if queries.ndim != 2 or queries.shape[1] != self.dim:
            raise KernelError(f"queries must have shape (nq, {self.dim}), not {queries.shape}")
        tables = np.empty((len(queries), 0, 256), np.float32) if tables is None else tables
        if tables.shape != (len(queries), self.stages, 256) or tables.dtype != np.float32:
            raise KernelError(f"tables must be float32 of shape {(len(queries), self.stages, 256)}, not {tables.shape}")
        leveled = queries * self._weights
        narrow, wide, units, shifts = round_weights(leveled[:, self._wide :], leveled[:, self._wide_order])
        offsets = -(narrow.astype(np.int32) @ np.repeat(self._tops, 4))
        if pads:
            narrow, wide, shifts = (prepare.pad_queries(rows) for rows in (narrow, wide, shifts))
        added = np.ascontiguousarray(np.full(len(queries), self._sign) if weights is None else weights, np.float32)
        segments = self._segments(narrow)
        return narrow, len(queries), wide, shifts, offsets, units, *segments, np.ascontiguousarray(tables), added

    def _segments(self, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Ends of segments (tiles, rows + 1) int64 and their number (tiles,) int64.

        Where queries do not scan together, each has its own, and the last are those that suit all.
        """
        if self.visits.shared:
            return self._segments_of(weights, 1 if len(weights) == 1 else WIDE)
        most = np.stack([weights.max(axis=0, initial=0), weights.min(axis=0, initial=0)])
        (ends, segments), (ends_of_all, segments_of_all) = self._segments_of(weights, 1), self._segments_of(most, 2)
        return np.concatenate([ends, ends_of_all]), np.concatenate([segments, segments_of_all])

    def _segments_of(self, weights: np.ndarray, width: int) -> tuple[np.ndarray, np.ndarray]:
        """Of tiles of ``width`` queries."""
        rows = len(self._tops)
        ends = np.zeros((len(weights) // width, rows + 1), np.int64)
        segments = np.full(len(ends), min(rows, 1), np.int64)
        if self.path.name in WIDEST:  # their sums have 32 bits
            ends[:, 1:] = rows
        else:
            _all_ends(weights, self._tops, width, ends, segments)
        return ends, segments
