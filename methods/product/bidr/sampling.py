"""Locality-centric sampling: batches of queries that share candidates, so that each is a hard negative for the others.

Xiao et al. 2022, "Progressively Optimized Bi-Granular Document Representation for Scalable Embedding Based Retrieval",
WWW, section 3.3: a walk on the bipartite graph between queries and the documents that the codes return for them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

__all__ = ["WAYS", "Batch", "CandidateGraph", "batches"]

WALK, SNOWBALL = "walk", "snowball"
RANDOM, ANN, ANN_IN_BATCH = "random", "ann", "ann_in_batch"
WAYS = (SNOWBALL, WALK, ANN_IN_BATCH, ANN, RANDOM)

_TRIES = 8  # documents that are drawn before all are looked at


@dataclass(frozen=True)
class Batch:
    """Queries of one step.

    Attributes
    ----------
    queries : (b,) int64
    negatives : (b,) int64 or None
        A candidate of each query that does not answer it; None where other queries' answers are all the negatives.
    shared : bool
        Whether each query is compared with all documents of the batch, or with its own two alone.
    """

    queries: np.ndarray
    negatives: np.ndarray | None
    shared: bool = True


class CandidateGraph:
    """Queries and their candidates, both ways.

    Parameters
    ----------
    candidates : (nq, r) int64
        Documents that a search returned, best first; -1 where there are fewer.
    answers : (nq,) int64
        The document that answers each query; no negative of it.
    ranks : (int, int)
        From which of its ranks a query draws a negative, the second excluded.
    back_ranks : (int, int)
        Among which ranks of a query a document has to be, to lead to the query.
    """

    def __init__(
        self, candidates: np.ndarray, answers: np.ndarray, ranks: tuple[int, int], back_ranks: tuple[int, int]
    ) -> None:
        kept = np.where(candidates == answers[:, None], -1, candidates)
        self.answers, self.forward = answers, kept[:, slice(*ranks)]
        back = kept[:, slice(*back_ranks)]
        leads = back >= 0
        documents = back[leads]
        queries = np.broadcast_to(np.arange(len(back))[:, None], back.shape)[leads]
        order = np.argsort(documents, kind="stable")
        self._queries = queries[order]
        self._starts = np.searchsorted(documents[order], np.arange(documents.max(initial=-1) + 2))

    def __len__(self) -> int:
        return len(self.forward)

    def negative(self, query: int, taken: set[int], rng: np.random.Generator) -> int:
        """A random one of the query's candidates outside ``taken``; where there is none, of all; -1 without any."""
        own = self.forward[query]
        own = own[own >= 0]
        for _ in range(_TRIES if len(own) else 0):  # nearly always one that is free
            drawn = int(own[int(rng.integers(len(own)))])
            if drawn not in taken:
                return drawn
        fresh = [document for document in own.tolist() if document not in taken] or own.tolist()
        return fresh[int(rng.integers(len(fresh)))] if fresh else -1

    def led_to(self, document: int) -> np.ndarray:
        """Queries (m,) int64 that have ``document`` among their ``back_ranks``."""
        if not 0 <= document < len(self._starts) - 1:
            return self._queries[:0]
        return self._queries[self._starts[document] : self._starts[document + 1]]


def batches(graph: CandidateGraph, way: str, size: int, rng: np.random.Generator) -> Iterator[Batch]:
    """One epoch: every query once, in batches of ``size``; what does not fill the last one is left for the next epoch.

    Parameters
    ----------
    graph : CandidateGraph
    way : {"snowball", "walk", "ann_in_batch", "ann", "random"}
        ``snowball`` goes on from the query that has waited longest (breadth first), ``walk`` from the one that came
        last (depth first, the paper's "random walk"). The others draw queries at random: with a candidate as a
        negative that all queries of the batch share (``ann_in_batch``) or that is the only one (``ann``), or without.
    size : int
        Queries a batch; of all, where there are fewer.
    """
    size = min(size, len(graph))
    if way in (WALK, SNOWBALL):
        yield from _local_batches(graph, way == WALK, size, rng)
        return
    order = rng.permutation(len(graph))
    for start in range(0, len(order) - size + 1, size):
        queries = order[start : start + size]
        if way == RANDOM:
            yield Batch(queries, None)
        else:
            negatives = np.array([graph.negative(int(query), set(), rng) for query in queries])
            yield Batch(queries, negatives, shared=way == ANN_IN_BATCH)


def _local_batches(graph: CandidateGraph, depth_first: bool, size: int, rng: np.random.Generator) -> Iterator[Batch]:
    unvisited = np.ones(len(graph), bool)
    strangers = iter(rng.permutation(len(graph)).tolist())  # where a batch begins, and where nothing leads on
    for _ in range(len(graph) // size):
        waiting: list[int] = []
        first = 0  # of those waiting
        queries: list[int] = []
        negatives: list[int] = []
        taken: set[int] = set()
        while len(queries) < size:
            query = -1
            while query < 0:
                if first == len(waiting):
                    waiting.append(next(strangers))
                if depth_first:
                    query = waiting.pop()
                else:
                    query, first = waiting[first], first + 1
                query = query if unvisited[query] else -1
            unvisited[query] = False
            taken.add(int(graph.answers[query]))
            negative = graph.negative(query, taken, rng)
            queries.append(query)
            negatives.append(negative)
            taken.add(negative)
            led_to = graph.led_to(negative)
            waiting.extend(led_to[unvisited[led_to]].tolist())
        yield Batch(np.array(queries), np.array(negatives))
