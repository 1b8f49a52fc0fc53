"""What a record says of searches that read a file."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class DiskInfo:
    """Single queries with the file in memory (warm), and with none of its pages there (cold).

    Warm latencies are the record's own. What is read does not count what other queries have read already.

    Attributes
    ----------
    reads, bytes : float
        A query: rows (of a data set of sets, documents) that it needs, and their bytes.
    warm_bytes_read : float or None
        A query, that the system read from the disk in the warm pass: 0 unless the file does not fit into memory. None
        where the system does not count.
    cold_ms : dict or None
        p50, p95, p99 and mean of ``cold_queries`` single queries; None where nothing was measured.
    cold_bytes_read : float or None
        A query, that the system read from the disk: whole pages, read ahead included.
    not_measured : str
        Why ``cold_ms`` is None.
    """

    reads: float
    bytes: float
    warm_bytes_read: float | None
    cold_ms: dict[str, float] | None
    cold_queries: int
    cold_bytes_read: float | None
    not_measured: str = ""
