"""How searches fare that read a file, and that several clients send at once: what a record says beside the latency."""

from __future__ import annotations

import os
from typing import Any

import numpy as np

from bench.cluster.sharded_store import ShardedStore
from bench.config import RunConfig
from bench.measure import latency
from bench.measure.clients import closed_loop
from bench.measure.disk import bytes_from_disk, time_cold_queries
from bench.records.disk_info import DiskInfo
from bench.records.load_info import LoadPoint
from methods.compose.rescored import DiskStore
from methods.kernels.machine.bandwidth import read_bandwidth
from methods.multivector.rescore import DiskSetStore

_POINT_S = 5.0  # of each number of clients
_BEYOND_CACHES = 1 << 27  # bytes, as for the bandwidth of a record's machine


class Reads:
    """What a searcher reads from files, from when this is made on.

    Parameters
    ----------
    searcher : Searcher or SetSearcher
    codes : np.memmap, optional
        All of which each query passes over.

    Attributes
    ----------
    mapped : list of np.memmap
        The files that are read; none where all is in memory.
    elsewhere : bool
        Whether files are read by the shards of a base, which this process cannot drop from memory.
    """

    def __init__(self, searcher: latency.AnySearcher, codes: np.memmap | None) -> None:
        store = getattr(searcher, "store", None)
        self._store = store if isinstance(store, (DiskStore, DiskSetStore, ShardedStore)) else None
        self.elsewhere = isinstance(store, ShardedStore) and store.on_disk
        self._codes = (0, 0) if codes is None else (len(codes), codes.nbytes)
        self.mapped = [each for each in (codes, _vectors_of(self._store)) if isinstance(each, np.memmap)]
        self._before = self._counts()

    def a_query(self, queries: int) -> tuple[float, float, float | None]:
        """Rows and their bytes, and bytes read from the disk (None where the system does not count), of ``queries``."""
        (rows, size, read), (rows_before, size_before, read_before) = self._counts(), self._before
        counted = None if read is None or read_before is None else (read - read_before) / queries
        all_codes, code_bytes = self._codes
        return (rows - rows_before) / queries + all_codes, (size - size_before) / queries + code_bytes, counted

    def _counts(self) -> tuple[int, int, int | None]:
        if self._store is None:
            return 0, 0, bytes_from_disk()
        return self._store.reads, self._store.read_bytes, bytes_from_disk()


def _vectors_of(store: DiskStore | DiskSetStore | ShardedStore | None) -> np.ndarray | None:
    if isinstance(store, DiskSetStore):
        return store.documents.vectors
    return store.vectors if isinstance(store, DiskStore) else None


def searches_elsewhere(warm: tuple[float, float, float | None]) -> DiskInfo:
    """Of files of shards: ``warm`` is what a query asked of them in the warm pass."""
    rows, size, _ = warm
    return DiskInfo(rows, size, None, None, 0, None, "the files are on the nodes of shards")


def cold_searches(
    config: RunConfig,
    searcher: latency.AnySearcher,
    queries: Any,
    mapped: list[np.memmap],
    warm: tuple[float, float, float | None],
) -> DiskInfo:
    """Single queries with none of the files in memory; ``warm`` is what a query read in the warm pass."""
    rows, size, warm_read = warm
    cold = time_cold_queries(searcher, queries, config.k, mapped, config.latency_s)
    return DiskInfo(
        reads=rows,
        bytes=size,
        warm_bytes_read=warm_read,
        cold_ms=cold.percentiles(),
        cold_queries=len(cold.milliseconds),
        cold_bytes_read=None if cold.not_measured else cold.bytes_read,
        not_measured=cold.not_measured,
    )


def concurrent_searches(
    config: RunConfig, searcher: latency.AnySearcher, queries: Any, scanned: float
) -> list[LoadPoint]:
    """Closed loops of each number of clients; a search passes over ``scanned`` bytes of codes."""
    points = []
    for clients in config.client_counts:
        threads = min(clients * config.threads, os.cpu_count() or 1)
        memory = read_bandwidth(_BEYOND_CACHES, threads)
        loop = closed_loop(
            searcher, queries, config.k, clients, min(config.latency_s, _POINT_S), threads=config.threads
        )
        points.append(
            LoadPoint(
                clients=clients,
                queries=len(loop.milliseconds),
                queries_per_s=loop.queries_per_s,
                latency_ms=loop.percentiles(),
                memory_bytes_per_s=memory,
                share_of_memory=scanned * loop.queries_per_s / memory,
                shared=loop.shared,
            )
        )
    return points
