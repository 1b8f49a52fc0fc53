"""Sets of vectors of different sizes, side by side in one array."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from methods.errors import MethodError
from methods.vectors import as_vectors

__all__ = ["Ragged"]

_CHECKED_BYTES = 32 << 20  # of float32, looked at for NaN at a time


class Ragged:
    """``n`` sets of vectors: set i is ``vectors[offsets[i] : offsets[i + 1]]``.

    Parameters
    ----------
    vectors : (total, dim) float32 or float16
        In memory or memory-mapped; kept as they are, never written to.
    offsets : (n + 1,) integers
        From 0 to ``total``, strictly ascending: a set without vectors has no Chamfer score.

    Raises
    ------
    MethodError
        In one line, with the first row or set at fault.
    """

    def __init__(self, vectors: np.ndarray, offsets: np.ndarray, what: str = "sets") -> None:
        vectors = np.asanyarray(vectors)
        if vectors.ndim != 2 or vectors.dtype not in (np.float32, np.float16):
            raise MethodError(
                f"{what} need vectors of float32 or float16 (total, dim), not {vectors.dtype} of shape {vectors.shape}"
            )
        self.vectors = vectors if vectors.flags.c_contiguous else np.ascontiguousarray(vectors)
        self.offsets = _as_offsets(offsets, len(vectors), what)

    @classmethod
    def from_list(cls, sets: list[np.ndarray]) -> Ragged:
        """The given (t, dim) arrays, copied side by side."""
        if not sets:
            raise MethodError("from_list needs at least one set, to know the dimension")
        return cls(np.concatenate(sets), np.cumsum([0, *map(len, sets)]))

    def check(self, dim: int, what: str) -> Ragged:
        """Itself, if its dimension is ``dim`` and all values are finite; :class:`MethodError` otherwise."""
        if self.dim != dim:
            raise MethodError(f"{what} have dimension {self.dim}, expected {dim}")
        step = max(1, _CHECKED_BYTES // (4 * dim))
        for start in range(0, len(self.vectors), step):
            block = self.vectors[start : start + step]
            with np.errstate(invalid="ignore"):  # infinities of both signs
                total = block.sum(dtype=np.float64)
            if not np.isfinite(total) and len(bad := np.flatnonzero(~np.isfinite(block).all(axis=1))):
                row = start + int(bad[0])
                at = int(np.searchsorted(self.offsets, row, side="right")) - 1
                raise MethodError(
                    f"{what} hold NaN or infinity in vector {row - self.offsets[at]} of set {at}; repair or remove it"
                )
        return self

    @property
    def dim(self) -> int:
        return self.vectors.shape[1]

    @property
    def total(self) -> int:
        """Vectors of all sets together."""
        return len(self.vectors)

    @property
    def lengths(self) -> np.ndarray:
        """(n,) int64: vectors of each set."""
        return np.diff(self.offsets)

    @property
    def shape(self) -> tuple[int, int]:
        """Sets, and dimension of their vectors."""
        return len(self), self.dim

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def __getitem__(self, part: slice) -> Ragged:
        """Consecutive sets, without a copy of their vectors."""
        start, stop, step = part.indices(len(self))
        if step != 1:
            raise IndexError("a slice of sets has step 1; use take for others")
        stop = max(start, stop)
        return self._view(self.vectors[self.offsets[start] : self.offsets[stop]], self.offsets[start : stop + 1])

    def set(self, i: int) -> np.ndarray:
        """The vectors (t, dim) of set ``i``, as stored."""
        return self.vectors[self.offsets[i] : self.offsets[i + 1]]

    def take(self, rows: np.ndarray) -> Ragged:
        """The given sets, in their order, copied."""
        rows = np.asarray(rows, np.int64)
        offsets = np.concatenate([[0], np.cumsum(self.lengths[rows])])
        which = np.repeat(self.offsets[rows] - offsets[:-1], self.lengths[rows]) + np.arange(offsets[-1])
        return self._view(np.ascontiguousarray(self.vectors[which]), offsets)

    def zeros(self) -> np.ndarray:
        """(total,) bool: vectors of nothing but zeros (of either sign), as sets are padded with."""
        zero = np.empty(self.total, bool)
        step = max(1, _CHECKED_BYTES // (4 * self.dim))
        for start in range(0, self.total, step):
            np.logical_not(self.vectors[start : start + step].any(axis=1), out=zero[start : start + step])
        return zero

    def without_zeros(self) -> Ragged:
        """The sets without vectors of zeros, but for one of a set that has no others; itself where there are none."""
        kept = ~self.zeros()
        if kept.all():
            return self
        kept[self.offsets[:-1][~np.logical_or.reduceat(kept, self.offsets[:-1])]] = True
        return self._view(self.vectors[kept], np.concatenate([[0], np.cumsum(kept)])[self.offsets])

    def first(self, cost: np.ndarray, counts: np.ndarray) -> Ragged:
        """Of each set i the ``counts[i]`` vectors of least ``cost`` (total,), in their order; earlier of equal ones."""
        owner = np.repeat(np.arange(len(self)), self.lengths)
        order = np.lexsort((cost, owner))  # stable: equal ones stay in their order
        place = np.arange(self.total) - np.repeat(self.offsets[:-1], self.lengths)
        rows = np.sort(order[place < np.repeat(counts, self.lengths)])
        return self._view(self.vectors[rows], np.concatenate([[0], np.cumsum(counts)]))

    def floats(self) -> np.ndarray:
        """All vectors as C-contiguous float32 (total, dim): a view where they are that already.

        :class:`MethodError` where memory does not hold them: blocks of sets are converted, so of the longest set.
        """
        try:
            return as_vectors(self.vectors, self.dim)
        except MemoryError:
            longest = int(self.lengths.argmax())
            raise MethodError(
                f"{self.total:,} vectors of {self.dim} dimensions do not fit into memory as float32 "
                f"({4e-9 * self.total * self.dim:.1f} GB); split set {longest} of {self.lengths[longest]:,} vectors"
            ) from None

    def blocks(self, vectors: int) -> Iterator[tuple[int, Ragged]]:
        """``(first set, consecutive sets)`` with about so many vectors at a time; a larger set comes alone."""
        start = 0
        while start < len(self):
            reach = int(np.searchsorted(self.offsets, self.offsets[start] + vectors, side="right")) - 1
            stop = min(max(start + 1, reach), len(self))
            yield start, self[start:stop]
            start = stop

    @staticmethod
    def _view(vectors: np.ndarray, offsets: np.ndarray) -> Ragged:
        """Sets known to be sound, without another check."""
        view = Ragged.__new__(Ragged)
        view.vectors, view.offsets = vectors, offsets - offsets[0] if len(offsets) else offsets
        return view

    def __repr__(self) -> str:
        return f"Ragged({len(self):,} sets, {self.total:,} x {self.dim} {self.vectors.dtype})"


def _as_offsets(offsets: np.ndarray, total: int, what: str) -> np.ndarray:
    checked = np.asarray(offsets)
    if checked.ndim != 1 or not len(checked) or checked.dtype.kind not in "iu":
        raise MethodError(f"{what} need offsets of integers (n + 1,), not {checked.dtype} of shape {checked.shape}")
    checked = checked.astype(np.int64)
    if checked[0] != 0 or checked[-1] != total:
        raise MethodError(f"{what} have offsets from {checked[0]} to {checked[-1]}; they must go from 0 to {total}")
    steps = np.diff(checked)
    if len(bad := np.flatnonzero(steps < 0)):
        raise MethodError(
            f"{what} have offsets out of order: {checked[bad[0]]} is before {checked[bad[0] + 1]}; sort them"
        )
    if len(bad := np.flatnonzero(steps == 0)):
        raise MethodError(f"set {bad[0]} of {what} is empty; a set needs at least one vector, remove such sets")
    return checked
