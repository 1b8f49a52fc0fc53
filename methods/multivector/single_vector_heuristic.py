"""The single-vector heuristic: nearest vectors of each query vector vote for their documents."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from methods.errors import MethodError
from methods.multivector.base import Codes, SetSearcher
from methods.multivector.candidates import best_candidates, score_candidates
from methods.multivector.ragged import Ragged
from methods.multivector.token_store import TokenStoreCodec
from methods.multivector.zero_vectors import Places
from methods.registry import register

__all__ = ["SingleVectorHeuristic", "candidate_lists"]


@register("single_vector_heuristic")
class SingleVectorHeuristic(TokenStoreCodec):
    """For each query vector its nearest vectors of all documents; the union of their documents is scored by MaxSim.

    What MUVERA is compared with (its section 3.1, as in ColBERT and PLAID before any pruning). Every vector is kept,
    in as many bytes as the budget leaves it; the dense method's own searcher finds the nearest.

    Parameters
    ----------
    dim : int
    codec, codec_params
        The dense method.
    neighbours : int
        Vectors that each query vector finds, for each requested document. The number is doubled while these belong
        to fewer documents than requested, as happens where long documents have many vectors.
    """

    family = "token codes"
    summary = "documents of the vectors nearest to each query vector, scored by MaxSim on any dense method's codes"
    source = "Khattab & Zaharia, ColBERT, SIGIR 2020, section 3.6; the baseline of MUVERA, NeurIPS 2024"

    def __init__(
        self, dim: int, codec: str = "pq", codec_params: Mapping[str, Any] | None = None, *, neighbours: int = 16
    ) -> None:
        super().__init__(dim, codec, codec_params)
        if isinstance(neighbours, bool) or int(neighbours) != neighbours or neighbours < 1:
            raise MethodError(f"neighbours={neighbours} is out of range; use an integer of at least 1")
        self.neighbours = neighbours

    def _searcher(self, codes: Codes) -> SetSearcher:
        rows, places = self._without_zeros(codes)
        return _UnionSearcher(self, rows, places) if len(rows) else super()._searcher(codes)


class _UnionSearcher(SetSearcher):
    """Looks up each query vector among all vectors but zeros, then decodes and scores the documents found."""

    def __init__(self, codec: SingleVectorHeuristic, rows: np.ndarray, places: Places) -> None:
        super().__init__(codec.dim, len(places))
        self.codec, self.rows, self.places = codec, rows, places
        self.inner = codec.codec_.searcher(rows)
        self.padding = self.inner.padding

    @property
    def nbytes(self) -> int:
        # A searcher that lays its codes out anew holds them beside those that are decoded.
        codes = getattr(self.inner, "codes", None)
        shared = codes is not None and np.shares_memory(codes, self.rows)
        return self.rows.nbytes + self.places.nbytes + self.inner.nbytes - (self.rows.nbytes if shared else 0)

    def _search(self, queries: Ragged, k: int) -> tuple[np.ndarray, np.ndarray]:
        results = [self._documents(queries.set(i), k) for i in range(len(queries))]
        candidates = np.full((len(queries), max(map(len, results))), -1, np.int64)
        for i, documents in enumerate(results):
            candidates[i, : len(documents)] = documents
        mean = len(self.rows) / self.size
        scores = score_candidates(self._gather, queries, candidates, mean)
        return best_candidates(scores, candidates, k)

    def _documents(self, vectors: np.ndarray, k: int) -> np.ndarray:
        """At least ``k`` documents, of the nearest to each of a query's ``vectors``, ascending."""
        stretched, depth = self.codec.stretch_.queries(vectors), k * self.codec.neighbours
        while depth < len(self.rows):
            _, rows = self.inner.search(stretched, depth)
            documents = np.unique(np.searchsorted(self.places.offsets, rows[rows >= 0], side="right") - 1)
            if len(documents) >= k:
                return documents
            depth *= 2
        return np.arange(self.size)

    def _gather(self, ids: np.ndarray) -> Ragged:
        rows, places, offsets = self.places.take(ids)
        vectors = np.zeros((offsets[-1], self.dim), np.float32)
        vectors[places] = self.codec._vectors_of(self.rows[rows])
        return Ragged(vectors, offsets)


def candidate_lists(scores: np.ndarray, rows: np.ndarray, offsets: np.ndarray) -> np.ndarray:
    """Documents in the order in which the heuristic meets them, without repetition: (candidates,) int64.

    Parameters
    ----------
    scores, rows : (m, depth)
        Of the nearest vectors of each of a query's m vectors, best first.
    offsets : (n + 1,) int64
        Vectors ``offsets[i] : offsets[i + 1]`` are document i's.
    """
    documents = np.searchsorted(offsets, rows, side="right") - 1
    order = np.lexsort((-scores.ravel(), np.tile(np.arange(rows.shape[1]), len(rows))))  # by rank, then by score
    flat = documents.ravel()[order]
    _, first = np.unique(flat, return_index=True)
    return flat[np.sort(first)]
