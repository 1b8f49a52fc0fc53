"""Trials: codecs fitted on some training vectors, by the neighbors that they find of held-out ones."""

from __future__ import annotations

from collections.abc import Sequence

import faiss
import numpy as np

from methods.base import Codec
from methods.faiss_tools import faiss_metric
from methods.fitting.overlap import average_overlap

__all__ = ["LEAST", "NEIGHBORS", "held_out", "trial_recalls"]

LEAST = 200  # training vectors below which nothing can be held out
NEIGHBORS = 10
_TRAINING, _QUERIES, _BASE = 20_000, 3000, 10_000


def trial_recalls(codecs: Sequence[Codec], vectors: np.ndarray, seed: int) -> list[float]:
    """Recall of held-out training vectors by each of the codecs, of one metric.

    Each is fitted on at most 20,000 vectors, and searches at most 10,000 of these for 10 neighbors.

    Parameters
    ----------
    codecs : sequence of Codec
        They are fitted here.
    vectors : (n, dim) float32
        At least 200 training vectors, of unit norm for codecs under ``cosine``.
    seed : int
    """
    queries, training = held_out(vectors, _QUERIES, _TRAINING, seed)
    base = training[:_BASE]
    truth = faiss.knn(queries, base, NEIGHBORS, metric=faiss_metric(codecs[0].metric.inner))[1]
    recalls = []
    for codec in codecs:
        codec.fit(training, seed)
        ids = codec.searcher(codec.encode(base)).search(queries, NEIGHBORS)[1]
        recalls.append(average_overlap(truth, ids))
    return recalls


def held_out(vectors: np.ndarray, queries: int, others: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Vectors that are held out, at most so many and a tenth of all, and at most so many of the others."""
    order = np.random.default_rng(seed).permutation(len(vectors))
    count = min(queries, len(vectors) // 10)
    return vectors[order[:count]], vectors[order[count : count + others]]
