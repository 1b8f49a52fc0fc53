"""How good a re-ranking is, on queries that no gradient has seen."""

from __future__ import annotations

import numpy as np

from methods.fitting.residual_map import ResidualMap

__all__ = ["WEIGHTS", "Reranking", "reciprocal_ranks"]

WEIGHTS = (0.0, 0.05, 0.1, 0.2, 0.3, 0.5, 1.0)  # of a code's score beside the vector's, that are tried


class Reranking:
    """Candidates of some queries, ordered by mapped vectors and code scores.

    Parameters
    ----------
    documents : (n, dim) float32
    queries : (nq, dim) float32
    answers : (nq,) int64
        Rows of ``documents``.
    candidates : (nq, r) int64
        Rows of ``documents``, -1 where there are fewer.
    code_scores : (nq, r) float32
        Of the candidates, by their codes.
    """

    def __init__(
        self,
        documents: np.ndarray,
        queries: np.ndarray,
        answers: np.ndarray,
        candidates: np.ndarray,
        code_scores: np.ndarray,
    ) -> None:
        rows, places = np.unique(np.maximum(candidates, 0), return_inverse=True)
        self._documents, self._places = documents[rows], places.reshape(candidates.shape)
        self._queries, self._candidates, self._answers = queries, candidates, answers
        self._code_scores = code_scores

    def __len__(self) -> int:
        return len(self._queries)

    def vector_scores(self, document_map: ResidualMap, query_map: ResidualMap) -> np.ndarray:
        """Inner products (nq, r) float32 of mapped queries and candidates."""
        documents, queries = document_map(self._documents), query_map(self._queries)
        return np.stack([documents[own] @ query for own, query in zip(self._places, queries, strict=True)])

    def score(self, document_map: ResidualMap, query_map: ResidualMap, weight: float = 0.0) -> float:
        """MRR@10 by ``vector score + weight * code score``."""
        return self._mrr(self.vector_scores(document_map, query_map), weight)

    def best_weight(self, document_map: ResidualMap, query_map: ResidualMap) -> float:
        """That of :data:`WEIGHTS` with the highest MRR@10; of equal ones the smallest."""
        scores = self.vector_scores(document_map, query_map)
        return max(WEIGHTS, key=lambda weight: self._mrr(scores, weight))

    def _mrr(self, scores: np.ndarray, weight: float) -> float:
        with np.errstate(invalid="ignore"):
            total = scores + np.float32(weight) * self._code_scores
        total[self._candidates < 0] = -np.inf
        return float(reciprocal_ranks(total, self._candidates == self._answers[:, None]).mean())


def reciprocal_ranks(scores: np.ndarray, right: np.ndarray, most: int = 10) -> np.ndarray:
    """1 / the rank by ``scores`` (nq, r) of the column that is ``right``, (nq,); 0 beyond ``most`` or without one."""
    own = np.where(right, scores, -np.inf).max(axis=1, initial=-np.inf)
    ranks = 1 + (scores > own[:, None]).sum(axis=1)
    return np.where(right.any(axis=1) & (ranks <= most), 1 / ranks, 0.0)
