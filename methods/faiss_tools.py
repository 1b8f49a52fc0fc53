"""What the methods that lean on faiss share: metrics, seeds, training samples, settings of a clustering."""

from __future__ import annotations

from typing import Any

import faiss
import numpy as np

from methods.metric import Metric
from methods.searcher import Space

_LONGEST_SHIFT = 100.0  # of the widths of ranges


def faiss_seed(seed: int) -> int:
    """``seed`` folded into what a C int holds."""
    return int(seed) % (2**31 - 1)


def set_vector(vector: Any, array: np.ndarray) -> None:
    """Copy ``array`` into a ``std::vector<float>`` of a faiss object, which keeps its own memory."""
    faiss.copy_array_to_vector(np.ascontiguousarray(array, dtype=np.float32).ravel(), vector)


def training_sample(vectors: np.ndarray, at_least: int, at_most: int, seed: int) -> np.ndarray:
    """Between ``at_least`` and ``at_most`` training vectors.

    Too many are sampled without replacement under ``seed``. Too few are repeated in turn: faiss refuses to find more
    centroids than it is given vectors, and with exactly ``at_least`` it takes them as the centroids.
    """
    n = len(vectors)
    if n > at_most:
        chosen = np.random.default_rng(seed).choice(n, size=max(at_most, at_least), replace=False, shuffle=False)
        return np.ascontiguousarray(vectors[np.sort(chosen)])
    return vectors if n >= at_least else np.ascontiguousarray(np.resize(vectors, (at_least, vectors.shape[1])))


def quiet_clustering(parameters: Any, iterations: int, seed: int) -> None:
    """Set ``faiss.ClusteringParameters``: no warnings about few points, a seed of our own."""
    parameters.niter = int(iterations)
    parameters.seed = faiss_seed(seed)
    parameters.min_points_per_centroid = 1
    parameters.verbose = False


def faiss_metric(metric: Metric) -> int:
    """faiss's constant for the metric that a method's hooks see (cosine is the inner product of unit vectors)."""
    return faiss.METRIC_L2 if metric is Metric.L2 else faiss.METRIC_INNER_PRODUCT


def with_codes(index: Any, codes: np.ndarray) -> Any:
    """``index``, a trained and empty ``faiss.IndexFlatCodes``, with ``codes`` (n, code_size) uint8."""
    if len(codes):
        index.add_sa_codes(codes)
    return index


def taking_queries(space: Space, index: Any, *before: Any) -> Any:
    """``index`` behind what is done to vectors and queries first.

    Parameters
    ----------
    space : Space
        Under cosine they are normalized.
    index : faiss.Index
    before : faiss.VectorTransform
        In their order.
    """
    if space.metric is Metric.COSINE:
        before = (faiss.NormalizationTransform(space.dim, 2.0), *before)
    if not before:
        return index
    chain = index if isinstance(index, faiss.IndexPreTransform) else faiss.IndexPreTransform(index)
    for transform in reversed(before):
        chain.prepend_transform(transform)
    return chain


def linear_transform(matrix: np.ndarray, bias: np.ndarray | None = None) -> Any:
    """``x @ matrix + bias`` for a ``matrix`` (d_in, d_out) and a ``bias`` (d_out,), as faiss has it."""
    make: Any = faiss.LinearTransform  # its stub lacks the arguments
    transform = make(*matrix.shape, bias is not None)
    set_vector(transform.A, matrix.T)
    if bias is not None:
        set_vector(transform.b, bias)
    transform.is_trained = True
    transform.set_is_orthonormal()
    return transform


def move_ranges(index: Any, shift: np.ndarray) -> bool:
    """Add ``shift`` (d,) to what the codes of ``index`` stand for, if they are levels in a range of each dimension.

    A shift a hundred times as long as the ranges is refused too: products in float32 would lose the differences.
    """
    kinds = (faiss.ScalarQuantizer.QT_8bit, faiss.ScalarQuantizer.QT_6bit, faiss.ScalarQuantizer.QT_4bit)
    if not isinstance(index, faiss.IndexScalarQuantizer) or index.sq.qtype not in kinds:
        return False
    trained: Any = index.sq.trained
    low, width = faiss.vector_to_array(trained).reshape(2, -1)
    if np.linalg.norm(shift) > _LONGEST_SHIFT * np.linalg.norm(width):
        return False
    faiss.copy_array_to_vector(np.concatenate([low + shift, width]).astype(np.float32), trained)
    return True
