"""A finer store that lies with the shards of a base: what candidates are re-ordered from, fetched where it is asked."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from methods import Codec
from methods.compose.rescored import CodecStore, DiskStore, Store

__all__ = ["ShardedStore"]


class ShardedStore(Store):
    """Each shard's own rows, as bytes of a codec in memory or as floats in a file.

    Candidates of all shards are chosen before any is re-ordered, as on one machine: the rows of a batch's candidates
    are fetched together, each once, and decoded here, in the blocks of one machine.

    Parameters
    ----------
    ask : callable
        The stored bytes (m, ...) of rows (m >= 1,) int64, ascending, from the shards that have them.
    stored : Codec or type
        Fitted, and decodes what is stored; or the type of floats that lie in files.
    shape : (int, int)
        Rows of all shards, and dimension.

    Attributes
    ----------
    on_disk : bool
        Whether the shards have it in files.
    reads, read_bytes : int
        Rows that were asked of files so far, and their bytes, wherever their pages were.
    """

    blocks_together = 32
    reads = 0
    read_bytes = 0

    def __init__(
        self,
        ask: Callable[[np.ndarray], np.ndarray],
        stored: Codec | type[np.floating],
        shape: tuple[int, int],
    ) -> None:
        self._ask, rows = ask, shape[0]
        self._codec = stored if isinstance(stored, Codec) else None
        self.on_disk = self._codec is None
        if isinstance(stored, Codec):
            self.memory_bytes, self._row_bytes = rows * stored.code_size, stored.code_size
        else:
            self._row_bytes = shape[1] * np.dtype(stored).itemsize
            self.disk_bytes = rows * self._row_bytes

    def fetched(self, candidates: np.ndarray) -> Store:
        """As :meth:`Store.fetched`: each row once, from its shard."""
        if self.on_disk:
            self.reads += candidates.size
            self.read_bytes += candidates.size * self._row_bytes
        rows = np.unique(np.maximum(candidates, 0))
        stored = self._ask(rows)
        return _Rows(rows, DiskStore(stored) if self._codec is None else CodecStore(self._codec, stored))

    def gather(self, ids: np.ndarray) -> np.ndarray:
        return self.fetched(ids).gather(ids)


class _Rows(Store):
    """Some rows (m,) int64, ascending, of a store; ``fetched`` has these alone, in this order."""

    def __init__(self, rows: np.ndarray, fetched: Store) -> None:
        self._rows, self._fetched = rows, fetched

    def gather(self, ids: np.ndarray) -> np.ndarray:
        return self._fetched.gather(np.searchsorted(self._rows, ids))
