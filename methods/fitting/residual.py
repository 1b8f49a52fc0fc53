"""Residual quantizers of faiss: training, and setting them up from codebooks."""

from __future__ import annotations

from typing import Any

import faiss
import numpy as np

from methods.faiss_tools import quiet_clustering, set_vector
from methods.fitting.kmeans import kmeans

_NARROW = 16  # dimensions below which our k-means is the faster one
MANY_VECTORS = 16_384  # from which axes of the vectors hold for others, and k-means may begin with few of them
_AXES_SAMPLE = 16_384  # vectors, at most about twice as many, of which principal axes are found
_COPIES_SAMPLE = 4096
NO_NORM = faiss.AdditiveQuantizer.ST_LUT_nonorm  # codes without a norm, scanned for inner products by tables


def residual_index(dim: int, codebooks: int, bits: int = 8) -> faiss.IndexResidualQuantizer:
    """An index for inner products whose codes are ``codebooks`` times ``bits`` bits and nothing else."""
    return faiss.IndexResidualQuantizer(dim, codebooks, bits, faiss.METRIC_INNER_PRODUCT, NO_NORM)  # type: ignore[call-overload]


def train_residual(
    vectors: np.ndarray,
    codebooks: int,
    beam_size: int,
    iterations: int,
    seed: int,
    at_most: int,
    bits: int = 8,
    dim_steps: int = 1,
) -> np.ndarray:
    """Codebooks (codebooks, 2^bits, d) float32 of (n >= 2^bits, d) float32, each of the former's residuals.

    The residuals of all ``beam_size`` partial codes of a vector serve as long as these are ``at_most`` vectors; beyond,
    that of the best one, since more vectors help more than more codes of each. In narrow subspaces each codebook is
    learned on the residuals of nearest centroids.

    With several ``dim_steps`` k-means goes from the first principal axes of the vectors to all of them, with as many
    ``iterations`` at each number of axes (faiss's ``ProgressiveDimClustering``; with four, d^(1/4), d^(1/2), d^(3/4)
    and d), if :func:`steps_pay`; else it starts in all of them.
    """
    dim = vectors.shape[1]
    if dim < _NARROW:
        return _train_greedy(vectors, codebooks, iterations, seed, 1 << bits)
    axes = _axes(vectors) if dim_steps > 1 and steps_pay(vectors) else None
    quantizer = faiss.ResidualQuantizer(dim, codebooks, bits)
    quiet_clustering(quantizer.cp, iterations, seed)
    quantizer.cp.max_points_per_centroid = len(vectors) * beam_size
    quantizer.max_beam_size = beam_size
    quantizer.train_type = faiss.ResidualQuantizer.Skip_codebook_tables
    if len(vectors) * beam_size > at_most:
        quantizer.train_type |= faiss.ResidualQuantizer.Train_top_beam
    if axes is not None:
        quantizer.train_type |= faiss.ResidualQuantizer.Train_progressive_dim
        quantizer.cp.progressive_dim_steps, quantizer.cp.apply_pca = min(dim_steps, dim), False
        vectors = vectors @ axes
    quantizer.train(np.ascontiguousarray(vectors))
    trained = faiss.vector_to_array(quantizer.codebooks).reshape(-1, dim)
    return (trained if axes is None else trained @ axes.T).reshape(codebooks, 1 << bits, dim)


def steps_pay(vectors: np.ndarray) -> bool:
    """Whether k-means of vectors (n, dim) from few dimensions to all finds better centroids than from random vectors.

    Not of fewer than 16,384 vectors, whose first axes are their own (of 300 ``rq_trellis`` found .023 less in 48
    bytes), where most are copies, whose few projections leave centroids in one place, nor in fewer than 16 dimensions.
    """
    return vectors.shape[1] >= _NARROW and len(vectors) >= MANY_VECTORS and not _are_copies(vectors)


def _axes(vectors: np.ndarray) -> np.ndarray:
    """Principal axes (d, d) float32 of vectors that are not centered, the first ones first."""
    some = vectors[:: max(1, len(vectors) // _AXES_SAMPLE)]
    some = np.ldexp(some, -int(np.frexp(np.abs(some).max())[1]))  # products then fit float32
    return np.ascontiguousarray(np.linalg.eigh((some.T @ some).astype(np.float64))[1][:, ::-1], np.float32)


def _are_copies(vectors: np.ndarray) -> bool:
    """Whether most of a sample of vectors are copies of others in it."""
    some = np.ascontiguousarray(vectors[:: -(-len(vectors) // _COPIES_SAMPLE)])
    return len({row.tobytes() for row in some}) < len(some) / 2


def _train_greedy(vectors: np.ndarray, codebooks: int, iterations: int, seed: int, centroids: int) -> np.ndarray:
    left, trained = np.ascontiguousarray(vectors), []
    for _ in range(codebooks):
        trained.append(kmeans(left, centroids, iterations, seed))
        left = left - trained[-1][faiss.knn(left, trained[-1], 1)[1][:, 0]]
    return np.stack(trained)


def residual_encoder(codebooks: np.ndarray, beam_size: int) -> faiss.IndexResidualQuantizer:
    """Codebooks (M, 2^bits, d) as an index, trained and empty, that encodes by beam search."""
    index = residual_index(codebooks.shape[2], len(codebooks), codebooks.shape[1].bit_length() - 1)
    set_vector(index.rq.codebooks, codebooks)
    configure(index.rq, beam_size)
    index.is_trained = True
    return index


def configure(quantizer: Any, beam_size: int) -> None:
    """Make a quantizer whose ``codebooks`` are set ready to encode, by tables of products between centroids."""
    quantizer.max_beam_size = beam_size
    quantizer.use_beam_LUT = 1
    quantizer.compute_codebook_tables()
    quantizer.is_trained = True
