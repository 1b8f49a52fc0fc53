"""What the methods that lean on faiss share: metrics, and searching codes through an index that holds just them."""

from __future__ import annotations

import faiss
import numpy as np

from methods.base import Codec, Metric, Searcher


def faiss_metric(metric: Metric) -> int:
    """faiss's constant for the metric that a method's hooks see (cosine is the inner product of unit vectors)."""
    return faiss.METRIC_L2 if metric is Metric.L2 else faiss.METRIC_INNER_PRODUCT


class FlatCodesSearcher(Searcher):
    """Search by a trained ``faiss.IndexFlatCodes``, which holds the codes and nothing else per vector.

    Parameters
    ----------
    codec : Codec
        The codec that made the codes.
    index : faiss.IndexFlatCodes
        Trained and empty; takes the codes over.
    codes : (n, code_size) uint8
        In the index's own code format.
    """

    def __init__(self, codec: Codec, index: faiss.IndexFlatCodes, codes: np.ndarray) -> None:
        super().__init__(codec.dim, codec.metric, len(codes))
        index.add_sa_codes(codes)
        self.index = index

    @property
    def nbytes(self) -> int:
        return self.index.codes.size()

    def _search(self, queries: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
        scores, ids = self.index.search(queries, k)
        return scores, ids.astype(np.int64, copy=False)
