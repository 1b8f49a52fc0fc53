"""Searchers that tell the largest product with each set of codes, and give codes back as they were."""

from __future__ import annotations

from abc import abstractmethod

import numpy as np

from methods.searcher import Searcher

__all__ = ["ProductSearcher"]


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
