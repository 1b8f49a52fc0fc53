"""Products with sets of codes: searchers that tell the largest one, and codecs whose codes are rows of centroids."""

from __future__ import annotations

from abc import abstractmethod
from typing import Protocol, runtime_checkable

import numpy as np

from methods.searcher import Searcher

__all__ = ["HasRowCodebooks", "ProductSearcher"]


class ProductSearcher(Searcher):
    """Base of searchers under the inner product whose scan serves sets of codes, which stand side by side."""

    @abstractmethod
    def largest_products(self, queries: np.ndarray, offsets: np.ndarray) -> np.ndarray:
        """Largest score (nq, n) float32 of each query (nq, dim) float32 among codes ``offsets[i] : offsets[i + 1]``.

        ``offsets`` (n + 1,) int64 ascend from 0 to the number of codes; of a set without codes the score is -inf.
        """

    @abstractmethod
    def codes_of(self, rows: np.ndarray) -> np.ndarray:
        """The codes (m, code_size) uint8 of the given rows (m,) int64."""


@runtime_checkable
class HasRowCodebooks(Protocol):
    """A codec whose codes name centroids, which side by side are what a code stands for in some coordinates."""

    dim: int

    def row_codebooks(self) -> np.ndarray | None:
        """Centroids (M, 256, width) float32 of codes (n, M); None where codes are otherwise."""

    def row_queries(self, queries: np.ndarray) -> np.ndarray:
        """Queries (nq, dim) float32 in these coordinates, (nq, M * width)."""
