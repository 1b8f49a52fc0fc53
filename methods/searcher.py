"""The contract of a searcher: it scans codes for the nearest of each query.

The base class does once what every searcher needs: it checks the queries, normalizes them under cosine, and pads where
``k`` exceeds the number of codes.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar, Protocol, Self

import numpy as np

from methods.errors import MethodError
from methods.kernels.scanning.ranged import Visits, shallow_copy
from methods.metric import Metric
from methods.vectors import as_vectors, normalized

__all__ = ["Searcher", "Space"]


class Space(Protocol):
    """What vectors are searched: their dimension and their metric, as a codec has them."""

    dim: int
    metric: Metric


class Searcher(ABC):
    """Scans codes for the nearest of a batch of queries.

    Parameters
    ----------
    dim : int
        Dimension of the queries.
    metric : Metric
        The metric of the codec; queries are normalized (in a copy) under cosine.
    size : int
        Number of codes.

    Attributes
    ----------
    nbytes : int
        Resident bytes of everything kept per code (not the codec's parts).
    descending : bool
        True where scores are similarities (larger is nearer), False where they are distances.
    estimates_metric : bool
        True where a score estimates the metric's own value, False for another scale (Hamming distances).
    padding : int
        Bytes of ``nbytes`` that only fill up the last block of the scanning layout.
    """

    estimates_metric: bool = True
    padding: int = 0
    scanned_by: ClassVar[str] = ""  # the attribute whose ``within`` limits what is searched

    def __init__(self, dim: int, metric: Metric, size: int) -> None:
        self.dim, self.metric, self.size = dim, Metric.parse(metric), size
        self.descending = self.metric.descending

    @property
    @abstractmethod
    def nbytes(self) -> int: ...

    @property
    def adds_shares(self) -> bool:
        """Of what :meth:`within` gives: whether it adds the shares of visits to scores as they are returned."""
        return False

    def search(self, queries: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
        """The ``k`` best codes of each query.

        Parameters
        ----------
        queries : (nq, dim) floating
            Never written to.
        k : int
            At least 1; where it exceeds the number of codes, the rest is padded.

        Returns
        -------
        scores : (nq, k) float32
            Best first; padded with -inf (similarities) or +inf (distances).
        ids : (nq, k) int64
            Row numbers of the codes, padded with -1.
        """
        queries = as_vectors(queries, self.dim, "queries")
        if int(k) != k or k < 1:
            raise MethodError(f"k={k} is not a number of neighbors; use an integer of at least 1")
        k_found = min(int(k), self.size)
        worst = -np.inf if self.descending else np.inf
        if self.metric is Metric.COSINE:
            queries = normalized(queries)
        if k_found == 0 or not len(queries):
            return np.full((len(queries), k), worst, np.float32), np.full((len(queries), k), -1, np.int64)
        scores, ids = self._search(queries, k_found)
        if k_found == k:
            return scores, ids
        pad = ((0, 0), (0, int(k) - k_found))
        return np.pad(scores, pad, constant_values=worst), np.pad(ids, pad, constant_values=-1)

    def within(self, rows: np.ndarray | Visits) -> Self | None:
        """The same search of some rows alone, whose ids stay what they are; None where that would need another layout.

        Parameters
        ----------
        rows : (r, 2) int64, or Visits
            First row of each piece, and the one after its last; pieces do not overlap. Or which queries of the next
            search scan which rows.

        Notes
        -----
        Takes microseconds and shares all memory. A query is prepared once for all pieces, so that an index scans many
        short ones (:mod:`methods.index`). A searcher whose attribute :attr:`scanned_by` has such a method has it too.
        """
        inner = getattr(self, self.scanned_by).within(rows) if self.scanned_by else None
        if inner is None:
            return None
        part = shallow_copy(self)
        part.size = inner.size
        setattr(part, self.scanned_by, inner)
        return part

    @abstractmethod
    def _search(self, queries: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
        """As :meth:`search` for clean float32 queries (nq >= 1, dim) and 1 <= k <= size."""
