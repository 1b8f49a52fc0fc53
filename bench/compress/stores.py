"""The files of a corpus as one store of vectors, of which a pass keeps a block in memory, whatever the format."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from bench.compress.source import Source
from bench.datasets.store import check_rows


class _Passed:
    """A file as a store: one of row groups is decoded once for a pass over it, and once for rows of any number."""

    def __init__(self, source: Source) -> None:
        self._source, self._streamed = source, hasattr(source.store, "stream")
        self._blocks: Iterator[tuple[int, np.ndarray]] = iter(())
        self._next, self._rest = -1, np.empty((0, source.dim), np.float32)  # decoded by now, from row _next on

    def read(self, start: int, stop: int) -> np.ndarray:
        stop = max(start, min(stop, self._source.rows))
        if not self._streamed:
            return self._source.store.read(start, stop)
        if start != self._next:
            self._blocks, self._rest = self._source.blocks(start), self._rest[:0]
        pieces, missing = [self._rest], stop - start - len(self._rest)
        while missing > 0:
            pieces.append(next(self._blocks)[1])
            missing -= len(pieces[-1])
        rows = pieces[0] if len(pieces) == 1 else np.concatenate(pieces)
        self._next, self._rest = stop, rows[stop - start :].copy()
        return np.ascontiguousarray(rows[: stop - start])

    def take(self, rows: np.ndarray) -> np.ndarray:
        ascending, places = np.unique(rows, return_inverse=True)
        return self._source.take(ascending)[places] if self._streamed else self._source.store.take(rows)


class Joined:
    """Several files one after the other, as a store of their own."""

    def __init__(self, sources: Sequence[Source]) -> None:
        self._dim, self._files = sources[0].dim, [_Passed(source) for source in sources]
        self._edges = np.cumsum([0, *(source.rows for source in sources)])

    @property
    def shape(self) -> tuple[int, int]:
        return int(self._edges[-1]), self._dim

    def read(self, start: int, stop: int) -> np.ndarray:
        """Rows ``start:stop`` (clipped to n) as C-contiguous float32."""
        pieces = [
            file.read(max(0, start - first), stop - first)
            for file, first, end in zip(self._files, self._edges.tolist(), self._edges[1:].tolist())
            if start < end and stop > first
        ]
        return pieces[0] if len(pieces) == 1 else np.concatenate([np.empty((0, self._dim), np.float32), *pieces])

    def take(self, rows: np.ndarray) -> np.ndarray:
        """The given rows, in their order, as C-contiguous float32."""
        rows = check_rows(rows, self.shape[0])
        vectors, file_of = np.empty((len(rows), self._dim), np.float32), np.searchsorted(self._edges, rows, "right")
        for at in np.unique(file_of).tolist():
            here = file_of == at
            vectors[here] = self._files[at - 1].take(rows[here] - self._edges[at - 1])
        return vectors
