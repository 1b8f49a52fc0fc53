"""What a record says of a run whose codes were searched through an index."""

from __future__ import annotations

from dataclasses import dataclass

from bench.measure.statistics import Interval


@dataclass(frozen=True)
class OperatingPoint:
    """A search that visits a part of the codes.

    Attributes
    ----------
    probes : int
        Lists that a query visits; of a graph the candidates that a search keeps (ef).
    scanned : float
        Share of the codes that a query visits, on average.
    quality : dict
        ``recall@1``, ``recall@10``, ``recall@100``: means over queries with 95% bootstrap intervals.
    latency_ms : dict
        p50, p95, p99 and mean of one pass of ``latency_queries`` single queries.
    queries_per_s : float
        In batches of all queries.
    """

    probes: int
    scanned: float
    quality: dict[str, Interval]
    latency_ms: dict[str, float]
    latency_queries: int
    queries_per_s: float


@dataclass(frozen=True)
class IndexInfo:
    """How codes were searched; the record's own quality and latency are those of ``probes``.

    Attributes
    ----------
    kind : str
        ``ivf`` or ``hnsw``.
    ids : str
        How the id of a code is stored: ``packed``, ``int32``, ``int64``, ``elias_fano`` or ``none``;
        ``ids_bytes`` of all.
    probes : int
        Of the operating point that the record's quality and latency are of.
    points : list of OperatingPoint
        By ascending ``probes``; the last visits all codes: what the code alone loses.
    residual : bool
        Whether a code stands for its vector less its list's centroid.
    lists, largest_list, empty_lists : int
        How many there are, codes of the largest one, and how many hold none.
    links, links_bytes : int
        Of a code on each upper level of a graph; bytes of all links.
    """

    kind: str
    ids: str
    ids_bytes: int
    probes: int
    points: list[OperatingPoint]
    residual: bool = False
    lists: int = 0
    largest_list: int = 0
    empty_lists: int = 0
    links: int = 0
    links_bytes: int = 0

    @property
    def unit(self) -> str:
        """What ``probes`` counts."""
        return "probes" if self.kind == "ivf" else "candidates"

    def at(self, probes: int) -> OperatingPoint:
        """The operating point with so many probes."""
        return next(point for point in self.points if point.probes == probes)
