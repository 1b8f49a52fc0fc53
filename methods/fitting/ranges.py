"""Ranges of even levels: from the least to the greatest value, unless lengths vary so much that others find more.

One vector a hundred times too long takes all levels for itself (qdrant #9902). Whether it may have them depends: by
distance it is nobody's neighbor, by inner product it is half of the queries' first, and where one in a hundred is
long, these are all that is ever found. No error of decoded vectors says that; a search does.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from methods.base import Metric
from methods.fitting.outliers import Spread
from methods.fitting.overlap import average_overlap

__all__ = ["clipped_ranges", "learned_ranges"]

Range = tuple[np.ndarray, np.ndarray]  # start and width, (dim,) float32, or (1,) where all dimensions share one

_CLIPPED_SHARES = (0.0002, 0.0005, 0.001, 0.002, 0.003, 0.005, 0.007, 0.01, 0.015)  # left out at each end
_SAMPLE = 16_384  # vectors on which clipping is chosen
_EVEN = 2.0  # where no vector is so many times as far from the median as the median distance, lengths do not decide
_TRIES = ((2, 1), (2, 2), (4, 4), (8, 8), (16, 16), (32, 32))  # vectors beyond the first are moved to the second
_GAIN = 0.01  # of recall, that another range has to bring
_TRIAL_ROWS, _LONGEST, _TRIAL_QUERIES, _K = 4096, 64, 256, 10


def learned_ranges(
    vectors: np.ndarray, metric: Metric, bits: int, seed: int, over: str = "own", clip: bool = False
) -> Range:
    """The ranges of ``2^bits`` levels for training vectors (n, dim) float32.

    From the least to the greatest value; with ``clip`` see :func:`clipped_ranges`. Where some vector is more than
    twice as far from the median as the median distance, ranges are tried that would be learned if such vectors were
    shorter, in a search by ``metric`` of training vectors for others; the first is kept unless another finds .01 more.

    Parameters
    ----------
    vectors, metric, bits
    seed : int
        Draws the vectors that are tried.
    over : {"own", "shared", "symmetric"}
        Each dimension has its own range; all share one; or one about zero.
    clip : bool
        Where each has its own.

    Returns
    -------
    low, width : (dim,) float32, or (1,) if shared
    """
    full = _range(vectors.min(axis=0), vectors.max(axis=0), over)
    first = clipped_ranges(_sample(vectors, seed), *full, bits) if clip else full
    spread = Spread.of(vectors)
    if spread.ratios.max() <= _EVEN:
        return first
    trial = _Trial(vectors, spread, metric, seed)
    best, most = first, trial.recall(first, bits) + _GAIN
    for tried in (full, *_shorter(vectors, spread, trial.rows, bits, over, clip)):
        recall = trial.recall(tried, bits)
        if recall > most:
            best, most = tried, recall
    return best


def _shorter(
    vectors: np.ndarray, spread: Spread, rows: np.ndarray, bits: int, over: str, clip: bool
) -> Iterator[Range]:
    """Ranges of vectors that are shorter where they are long; clipped ones for ``rows`` (indices)."""
    far = np.flatnonzero(spread.ratios > _EVEN)
    low, high = _ends_near(vectors, spread)
    for farthest, to in _TRIES:
        if not (spread.ratios > farthest).any():
            return
        pulled = spread.only(far).pulled(vectors[far], farthest, to)
        full = _range(np.minimum(low, pulled.min(axis=0)), np.maximum(high, pulled.max(axis=0)), over)
        yield full
        if clip:
            yield clipped_ranges(spread.only(rows).pulled(vectors[rows], farthest, to), *full, bits)


def _ends_near(vectors: np.ndarray, spread: Spread) -> tuple[np.ndarray, np.ndarray]:
    """Least and greatest values (dim,) of the vectors that are not far from the median; without copying all."""
    low, high = spread.center.copy(), spread.center.copy()
    for at in range(0, len(vectors), _SAMPLE):
        near = vectors[at : at + _SAMPLE][spread.ratios[at : at + _SAMPLE] <= _EVEN]
        low, high = (
            np.minimum(low, near.min(axis=0, initial=np.inf)),
            np.maximum(high, near.max(axis=0, initial=-np.inf)),
        )
    return low, high


class _Trial:
    """A search of some training vectors, the farthest among them, for others of them.

    Attributes
    ----------
    rows : (m,) int64
        The vectors searched; the first are the queries.
    """

    def __init__(self, vectors: np.ndarray, spread: Spread, metric: Metric, seed: int) -> None:
        drawn = np.random.default_rng(seed).permutation(len(vectors))[:_TRIAL_ROWS]
        longest = np.argsort(-spread.ratios, kind="stable")[:_LONGEST]
        self.rows = np.concatenate([drawn, np.setdiff1d(longest, drawn)])
        self._vectors = vectors[self.rows]
        self._l2, self._unit = metric is Metric.L2, np.float32(1 / (spread.typical or 1.0))
        self._origin = spread.center if self._l2 else np.zeros_like(spread.center)  # products need the whole vectors
        self._k = max(1, min(_K, len(self.rows) // 2))
        self._queries = self._prepared(self._vectors[:_TRIAL_QUERIES])
        self._truth = self._nearest(self._vectors)

    def recall(self, ranges: Range, bits: int) -> float:
        """The share of the true neighbors that are found among decoded vectors."""
        returned = self._nearest(_rounded(self._vectors, *ranges, bits))
        return average_overlap(self._truth, returned)

    def _prepared(self, vectors: np.ndarray) -> np.ndarray:
        """Of ordinary size, so that squares neither vanish nor overflow."""
        return (vectors - self._origin) * self._unit

    def _nearest(self, vectors: np.ndarray) -> np.ndarray:
        """(queries, k) places of the nearest among ``vectors`` (m, dim), the query's own left out."""
        rows = self._prepared(vectors)
        keys = -(self._queries @ rows.T)
        if self._l2:
            keys += np.einsum("ij,ij->i", rows, rows) / 2
        own = np.arange(len(keys))
        keys[own, own] = np.inf
        return np.argpartition(keys, self._k - 1, axis=1)[:, : self._k]


def clipped_ranges(vectors: np.ndarray, low: np.ndarray, width: np.ndarray, bits: int) -> Range:
    """For each dimension the range, of several, with the least squared error on ``vectors`` (n, dim) float32.

    The candidates are the given one (``low``, ``width``, (dim,) float32) and those that leave out equal shares of
    the values at both ends. Returns starts and widths, (dim,) float32.
    """
    columns = np.sort(vectors.T, axis=1)
    best_low, best_width = low.copy(), width.copy()
    least = _squared_error(columns, low, width, bits)
    for share in _CLIPPED_SHARES:
        cut = int(share * columns.shape[1])
        start, length = columns[:, cut], columns[:, -1 - cut] - columns[:, cut]
        error = _squared_error(columns, start, length, bits)
        better = error < least
        best_low[better], best_width[better], least[better] = start[better], length[better], error[better]
    return best_low, best_width


def _range(low: np.ndarray, high: np.ndarray, over: str) -> Range:
    if over != "own":
        low, high = low.min(keepdims=True), high.max(keepdims=True)
    if over == "symmetric":
        high = np.maximum(-low, high)
        low = -high
    return low, high - low


def _sample(vectors: np.ndarray, seed: int) -> np.ndarray:
    """At most 16,384 of the training vectors."""
    if len(vectors) <= _SAMPLE:
        return vectors
    return vectors[np.sort(np.random.default_rng(seed).choice(len(vectors), _SAMPLE, replace=False))]


def _rounded(vectors: np.ndarray, low: np.ndarray, width: np.ndarray, bits: int) -> np.ndarray:
    """``vectors`` (n, dim) float32 as their levels decode."""
    step = width / np.float32(2**bits - 1)
    inverse = np.divide(1, step, out=np.zeros_like(step), where=step > 0)
    levels = np.clip(np.floor((vectors - low) * inverse), 0, np.float32(2**bits - 1))
    return low + (levels + np.float32(0.5)) * step


def _squared_error(columns: np.ndarray, low: np.ndarray, width: np.ndarray, bits: int) -> np.ndarray:
    """Sum of squared errors of each row of ``columns`` (dim, n) float32 in ranges (dim,): (dim,) float64."""
    error, levels = np.empty(len(columns)), np.float32(2**bits)
    for j, column in enumerate(columns):
        step = width[j] / (levels - 1)
        level = np.floor((column - low[j]) / step) if step > 0 else np.zeros_like(column)
        decoded = low[j] + (np.clip(level, 0, levels - 1) + np.float32(0.5)) * step
        error[j] = np.square(column - decoded, dtype=np.float64).sum()
    return error
