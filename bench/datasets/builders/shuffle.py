"""A random order of rows that lie in several files, gathered with one file and one block in memory at a time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

BLOCK_ROWS = 625_000


def shuffled(kept: int, others: int, rows: int, seed: int) -> np.ndarray:
    """At most ``rows`` of the rows 0 to ``kept + others`` in random order (int64): the first ``kept``, then others.

    All of the first where there is room for them, and a random choice of the others.
    """
    rng = np.random.default_rng(seed)
    first = rng.permutation(kept)[:rows]
    rest = kept + rng.permutation(others)[: rows - len(first)]
    return rng.permutation(np.concatenate([first, rest]))


def gathered(files: Sequence[Path], counts: Sequence[int], order: np.ndarray) -> Iterator[np.ndarray]:
    """Blocks of the rows ``order`` of the ``.npy`` files laid end to end; the last is smaller.

    Parameters
    ----------
    files : sequence of Path
        Arrays (n, dim) of one dtype.
    counts : sequence of int
        Their rows. A file without any is not opened.
    order : (n,) int64
        Row numbers, each at most once.
    """
    starts = np.concatenate([[0], np.cumsum(counts)])
    for begin in range(0, len(order), BLOCK_ROWS):
        wanted = order[begin : begin + BLOCK_ROWS]
        places = np.argsort(wanted)
        ascending = wanted[places]
        edges = np.searchsorted(ascending, starts)
        block: np.ndarray | None = None
        for file, start, first, last in zip(files, starts, edges, edges[1:]):
            if first < last:
                array = np.load(file, allow_pickle=False)
                block = np.empty((len(wanted), array.shape[1]), array.dtype) if block is None else block
                block[places[first:last]] = array[ascending[first:last] - start]
        if block is not None:
            yield block
