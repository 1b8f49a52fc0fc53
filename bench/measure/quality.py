"""Quality of search results: recall by ids, scores against true similarities, retrieval measures, distortion."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pytrec_eval

from bench.measure.ranking import average_ranks
from bench.measure.ties import tie_tolerance, ties_at
from methods import Codec, Metric
from methods.vectors import normalized

if TYPE_CHECKING:
    from bench.datasets.base import Relevance, VectorStore

_CANDIDATES_PER_BLOCK = 32_768  # (query, item) pairs scored at a time


def true_scores(base: VectorStore, queries: np.ndarray, ids: np.ndarray, metric: Metric) -> np.ndarray:
    """The metric's own value for pairs of a query and an item, from the uncompressed vectors in float64.

    Parameters
    ----------
    base : VectorStore (n, d)
    queries : (pairs, d) float32
    ids : (pairs,) int64, all >= 0
    metric : Metric

    Returns
    -------
    scores : (pairs,) float64
        Inner products, cosines or squared Euclidean distances.
    """
    scores = np.empty(len(ids))
    for start in range(0, len(ids), _CANDIDATES_PER_BLOCK):
        part = slice(start, start + _CANDIDATES_PER_BLOCK)
        items, query_vectors = base.take(ids[part]).astype(np.float64), queries[part].astype(np.float64)
        if metric is Metric.L2:
            scores[part] = ((items - query_vectors) ** 2).sum(axis=1)
            continue
        scores[part] = np.einsum("ij,ij->i", items, query_vectors)
        if metric is Metric.COSINE:
            norms = np.linalg.norm(items, axis=1) * np.linalg.norm(query_vectors, axis=1)
            scores[part] = np.divide(scores[part], norms, out=np.zeros(len(items)), where=norms > 0)
    return scores


class RecallJudge:
    """Tells which returned ids are true neighbors.

    Parameters
    ----------
    base, queries, metric
        The workload, uncompressed.
    truth_scores, truth_ids : (nq, K)
        Exact scores and ids, best first, -1 padded where the base has fewer than K.
    """

    def __init__(
        self, base: VectorStore, queries: np.ndarray, metric: Metric, truth_scores: np.ndarray, truth_ids: np.ndarray
    ) -> None:
        self.base, self.queries, self.metric = base, queries, metric
        self.truth_scores, self.truth_ids = np.asarray(truth_scores, np.float64), truth_ids
        self.known = int((truth_ids[0] >= 0).sum())
        self._items = int(truth_ids.max(initial=0)) + 2  # a key of a query and an id: one lookup for all queries
        keys = self._keys(truth_ids).ravel()
        self._order = np.argsort(keys, kind="stable")
        self._sorted = keys[self._order]

    def _keys(self, ids: np.ndarray) -> np.ndarray:
        """(nq, n) int64, distinct for every pair of a query and an id; ids outside the truth share one a query."""
        row = np.arange(len(ids), dtype=np.int64)[:, None]
        return row * self._items + np.where((ids >= 0) & (ids < self._items - 1), ids, self._items - 1)

    def judge(self, ids: np.ndarray) -> Judged:
        """Look up the ids (nq, n) of a search, -1 padded: their rank in the truth and their true scores."""
        k = self.truth_ids.shape[1]
        keys = self._keys(ids)
        place = np.minimum(np.searchsorted(self._sorted, keys), len(self._sorted) - 1)
        known = (self._sorted[place] == keys) & (ids >= 0) & (ids < self._items - 1)
        rank = np.where(known, self._order[place] % k, k)
        scores = np.full(ids.shape, np.nan)
        query, column = np.nonzero(rank < k)
        scores[query, column] = self.truth_scores[query, rank[query, column]]
        query, column = np.nonzero((rank == k) & (ids >= 0))
        if len(query):
            scores[query, column] = self._true_scores(query, ids[query, column])
        repeated = ~_first_occurrence(ids)
        rank[repeated], scores[repeated] = k, np.nan
        return Judged(rank, scores, self.truth_scores, self.known)

    def _true_scores(self, query: np.ndarray, ids: np.ndarray) -> np.ndarray:
        """Scores (pairs,) float64 of rows of the queries with ids that are not in the truth."""
        return true_scores(self.base, self.queries[query], ids, self.metric)

    def recall(self, ids: np.ndarray, k: int) -> np.ndarray:
        """``judge(ids).recall(k)``."""
        return self.judge(ids).recall(k)

    def ties(self, k: int) -> np.ndarray:
        """(nq,) bool: where the k-th true neighbor ties with one that is not among the first k."""
        return ties_at(self.truth_scores[:, : self.known], k)


@dataclass(frozen=True)
class Judged:
    """Returned ids, judged.

    Attributes
    ----------
    rank : (nq, n) int
        Place in the true order; K where an id is not among the first K (or is padding, or stands there twice).
    scores : (nq, n) float64
        True scores; NaN for padding and repeats.
    truth_scores : (nq, K) float64
    known : int
        How many true neighbors there are at all: K, or the size of a smaller base.
    """

    rank: np.ndarray
    scores: np.ndarray
    truth_scores: np.ndarray
    known: int

    def recall(self, k: int) -> np.ndarray:
        """Recall k@n per query: the share of the true k nearest among the n returned ids.

        An id whose true score ties with the k-th (:func:`bench.measure.ties.tie_tolerance`) counts as one of them; an
        id counts once, and no more than k count. Where the base holds fewer than k vectors, all of them are the truth.
        """
        k = min(k, self.known)
        return np.minimum(self.hits(k).sum(axis=1), k) / k

    def hits(self, k: int) -> np.ndarray:
        """(nq, n) bool: which of the returned ids are among the true k nearest, or tie with the k-th."""
        k = min(k, self.known)
        last, tolerance = self.truth_scores[:, k - 1, None], tie_tolerance(self.truth_scores[:, : self.known], k)
        with np.errstate(invalid="ignore"):
            tied = np.abs(self.scores - last) <= tolerance[:, None]
        return (self.rank < k) | tied


def _first_occurrence(ids: np.ndarray) -> np.ndarray:
    """True where an id stands in its row for the first time: a repeated id is no second hit."""
    order = np.argsort(ids, axis=1, kind="stable")
    ordered = np.take_along_axis(ids, order, axis=1)
    first = np.ones_like(ids, dtype=bool)
    first[:, 1:] = ordered[:, 1:] != ordered[:, :-1]
    result = np.empty_like(first)
    np.put_along_axis(result, order, first, axis=1)
    return result


def retrieval_measures(ids: np.ndarray, relevance: Relevance) -> dict[str, np.ndarray]:
    """nDCG@10, MRR@10, P@10 and R@10 per query, by trec_eval; NaN where a query has no judgement.

    The order returned by the search is the run: a list with -1 padding dropped and never re-sorted, whatever ties
    its scores have. nDCG's ideal list comes from all judgements of the query.

    Parameters
    ----------
    ids : (nq, >= 10) int64
    relevance : Relevance
    """
    judged: dict[str, dict[str, int]] = {}
    for query, item, grade in zip(relevance.query.tolist(), relevance.item.tolist(), relevance.grade.tolist()):
        judged.setdefault(str(query), {})[str(item)] = int(grade)
    top = ids[:, :10]
    run = {
        query: {str(item): float(-rank) for rank, item in enumerate(top[int(query)].tolist()) if item >= 0}
        for query in judged
    }
    evaluated = pytrec_eval.RelevanceEvaluator(judged, {"ndcg_cut_10", "recip_rank", "P_10", "recall_10"}).evaluate(run)
    names = {"nDCG@10": "ndcg_cut_10", "MRR@10": "recip_rank", "P@10": "P_10", "R@10": "recall_10"}
    result = {name: np.full(len(ids), np.nan) for name in names}
    for query in judged:
        values = evaluated.get(query, {})  # trec_eval leaves out a query that nothing was returned for
        for name, measure in names.items():
            result[name][int(query)] = values.get(measure, 0.0)
    return result


def relevant_found(ids: np.ndarray, relevance: Relevance) -> np.ndarray:
    """R@n of each query (nq,): the share of its relevant items that are among ids (nq, n); NaN without a judgement."""
    hits, judged = np.zeros(len(ids)), np.zeros(len(ids))
    for query, item in zip(relevance.query.tolist(), relevance.item.tolist()):
        judged[query] += 1
        hits[query] += item in ids[query]
    return np.divide(hits, judged, out=np.full(len(ids), np.nan), where=judged > 0)


def score_fidelity(
    estimated: np.ndarray, truth: np.ndarray, same_direction: bool, estimates_metric: bool
) -> dict[str, np.ndarray]:
    """How a method's scores of the true neighbors compare with their true scores, per query.

    Parameters
    ----------
    estimated, truth : (nq, K) float
        The method's and the true score of each true neighbor; NaN where there is none.
    same_direction : bool
        Whether the method's scores and the true ones rise together (Hamming distances fall as similarities rise).
    estimates_metric : bool
        Whether the method's scores are on the metric's own scale; if not, only their order is judged.

    Returns
    -------
    dict
        ``rank_correlation`` (Spearman; 1 is the true order), and for estimates of the metric ``score_bias``
        (mean of estimate - truth) and ``score_error`` (root mean square of it).
    """
    known = np.isfinite(estimated) & np.isfinite(truth)
    sign = 1.0 if same_direction else -1.0
    fidelity = {"rank_correlation": sign * _spearman(estimated, truth, known)}
    if estimates_metric:
        count = known.sum(axis=1)
        difference = np.where(known, np.where(known, estimated, 0.0) - np.where(known, truth, 0.0), 0.0)
        with np.errstate(invalid="ignore", divide="ignore"):
            fidelity["score_bias"] = difference.sum(axis=1) / count
            fidelity["score_error"] = np.sqrt((difference**2).sum(axis=1) / count)
    return fidelity


def _spearman(a: np.ndarray, b: np.ndarray, known: np.ndarray) -> np.ndarray:
    """Spearman's rank correlation of each row of two (rows, n) arrays over the known entries; NaN if undefined."""
    result = np.full(len(a), np.nan)
    for i, mask in enumerate(known):
        if mask.sum() > 2:
            ranks = average_ranks(a[i, mask]), average_ranks(b[i, mask])
            if np.ptp(ranks[0]) > 0 and np.ptp(ranks[1]) > 0:
                result[i] = np.corrcoef(*ranks)[0, 1]
    return result


def reconstruction_error(codec: Codec, codes: np.ndarray, vectors: np.ndarray) -> np.ndarray:
    """Squared error of decoding over the squared norm, per vector (0 for a zero vector that decodes to zero)."""
    vectors = normalized(vectors) if codec.metric is Metric.COSINE else vectors
    error = ((codec.decode(codes).astype(np.float64) - vectors) ** 2).sum(axis=1)
    norm = (vectors.astype(np.float64) ** 2).sum(axis=1)
    return np.divide(error, norm, out=np.where(error > 0, np.nan, 0.0), where=norm > 0)
