"""Stages whose centroids are nearest by the error that levels leave, or plainly, by all of the residual."""

from __future__ import annotations

import faiss
import numpy as np

from methods.fitting.allocation import varying
from methods.fitting.principal_axes import effective_rank
from methods.fitting.residual import residual_encoder, train_residual
from methods.kernels.simd.unpack_symbols import GROUP
from methods.transform.trellis.quantizer import TrellisQuantizer

__all__ = [
    "BEAM",
    "DIM_STEPS",
    "LEAST_BITS",
    "POWER",
    "SHORT_ITERATIONS",
    "TRAINING",
    "CentroidFinder",
    "clusters_are_far",
    "few",
    "final_stages",
    "first_stages",
    "nearest_sums",
    "rests",
    "search_root",
]

BEAM = 4
POWER = 0.25  # of variances in the weights of axes: recall wants more of the first axes than least error does
_L2_SHARE = 0.5  # of the weights under l2, where near vectors are in one cluster and whole weights as often lose
TRAINING = 65_536  # vectors for the stages: with fewer they learn their own training vectors
LEAST_BITS = 2  # faiss encodes wrongly with fewer centroids than the beam is wide
_BLOCK = 16_384  # vectors in float64 at a time
_BEAM_BYTES = 32 << 20  # of residuals that a beam search holds at a time
DIM_STEPS = 4  # of k-means: train_residual
SHORT_ITERATIONS = 5  # of k-means, for the axes of residuals
_SHORT_SAMPLE = 16_384  # vectors, for the axes of residuals
_VECTORS_A_CENTROID = 64  # at least: with fewer, residuals of training vectors underestimate those of new ones
_VECTORS_A_CLUSTER = 4  # at least, where clusters are far apart: there a centroid for each counts more
_FAR_APART = 4.0  # times squared distances between near vectors; for those of real encoders it is .6 to 1.4
_PROBES = 1024  # vectors whose distances to as many others are looked at


def search_root(fine: TrellisQuantizer, power: float, l2: bool = False) -> np.ndarray:
    """What vectors and centroids are multiplied with, (dim, dim) float64, before the nearest centroids are found.

    Squared distances then weigh what lies along a group's axes by ``error(bits) * variance ** power``, relative to
    axes without bits, which count in full: where levels say much, it matters little how far a centroid is.

    Parameters
    ----------
    fine : TrellisQuantizer
        Levels of residuals.
    power : float
        0: the least squared error of all that a code says.
    l2 : bool
        Whether codes are searched by squared distance: weights are square roots of these then.
    """
    variances = np.square(fine.spreads, dtype=np.float64)
    least = variances[varying(fine.spreads)].min(initial=max(variances.max(), np.finfo(np.float64).tiny))
    weights = (fine.errors()[fine.bits] * (np.maximum(variances, least) / least) ** power) ** (_L2_SHARE if l2 else 1.0)
    matrix = fine.matrix.astype(np.float64)
    return np.eye(len(matrix)) + (matrix * (np.repeat(np.sqrt(weights), GROUP) - 1)) @ matrix.T


class CentroidFinder:
    """Numbers of the centroids whose sums are nearest to vectors, by beam search.

    Parameters
    ----------
    codebooks : (stages, 2^bits, dim) float32
    root : (dim, dim) float64, optional
        As of :func:`search_root`; None: all axes count equally.
    """

    def __init__(self, codebooks: np.ndarray, root: np.ndarray | None = None) -> None:
        self.root = root
        self.index = residual_encoder(_rooted(codebooks, root), BEAM)

    def nearest(self, vectors: np.ndarray) -> np.ndarray:
        """faiss's codes (n, bytes) uint8 of vectors (n, dim) float32."""
        return self.index.sa_encode(_rooted(vectors, self.root))

    def nearest_sums(self, vectors: np.ndarray, count: int) -> np.ndarray:
        """Numbers (n, count, stages) uint8 of the nearest sums, as of :func:`nearest_sums`."""
        return nearest_sums(self.index, _rooted(vectors, self.root), count)


def _rooted(vectors: np.ndarray, root: np.ndarray | None) -> np.ndarray:
    if root is None:
        return vectors
    # In float64, then rounded: a float32 product changes with the number of rows, and so might the nearest.
    product = np.empty(vectors.shape, np.float32)
    for start in range(0, len(vectors), _BLOCK):
        block = slice(start, start + _BLOCK)
        product[block] = vectors[block].astype(np.float64) @ root
    return product


def nearest_sums(index: faiss.IndexResidualQuantizer, vectors: np.ndarray, count: int) -> np.ndarray:
    """Numbers (n, count, stages) uint8 of the centroids whose sums are nearest to vectors (n, dim), nearest first.

    By a beam search that keeps ``count`` sums of each stage; no more than a stage has centroids.
    """
    quantizer, (n, dim) = index.rq, vectors.shape
    count = min(count, 1 << int(quantizer.nbits.at(0)))
    numbers = np.empty((n, count, quantizer.M), np.int32)
    step = max(1, _BEAM_BYTES // (4 * count * dim))
    for start in range(0, n, step):
        given = np.ascontiguousarray(vectors[start : start + step], np.float32)
        part, distances = numbers[start : start + step], np.empty((len(given), count), np.float32)
        quantizer.refine_beam(
            len(given), 1, faiss.swig_ptr(given), count, faiss.swig_ptr(part), None, faiss.swig_ptr(distances)
        )
    return numbers.astype(np.uint8)


def first_stages(
    sample: np.ndarray, stages: int, count: int, seed: int, least_bits: int = LEAST_BITS
) -> tuple[int, np.ndarray, np.ndarray]:
    """The bits of a stage's number, codebooks by all of the residual, and residuals (at most 32,767, dim) of these.

    Residuals tell their axes, and whether there are enough centroids.

    Parameters
    ----------
    sample : (n, dim) float32
        Of ``count`` training vectors.
    stages : int
    least_bits : int
        Of a stage's number.
    """
    bits, finest = (
        min(8, max(least_bits, (count // each).bit_length() - 1)) for each in (_VECTORS_A_CENTROID, _VECTORS_A_CLUSTER)
    )
    some = few(sample)
    while True:
        codebooks = train_residual(some, stages, BEAM, SHORT_ITERATIONS, seed, TRAINING, bits)
        residuals = rests(codebooks, some)
        if bits == finest or not _misses_clusters(residuals, some, 1 << bits, seed):
            return bits, codebooks, residuals
        bits = finest


def few(sample: np.ndarray) -> np.ndarray:
    """At most 32,767 of a sample (n, dim), for short trainings."""
    return sample[:: max(1, len(sample) // _SHORT_SAMPLE)]


def final_stages(
    sample: np.ndarray, stages: int, bits: int, root: np.ndarray | None, iterations: int, dim_steps: int, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """Codebooks and residuals (n, dim) as of :func:`first_stages`, of ``2^bits`` centroids.

    They are nearest by distances of which ``root`` is that of a search, or None. ``dim_steps`` as of
    :func:`~methods.fitting.residual.train_residual`.
    """
    rooted = _rooted(sample, root)
    codebooks = train_residual(rooted, stages, BEAM, iterations, seed, TRAINING, bits, dim_steps)
    if root is not None:
        flat = codebooks.reshape(-1, sample.shape[1]).astype(np.float64)
        codebooks = np.linalg.solve(root, flat.T).T.astype(np.float32).reshape(codebooks.shape)
    return codebooks, _residuals(codebooks, sample, CentroidFinder(codebooks, root).index.sa_encode(rooted))


def rests(codebooks: np.ndarray, vectors: np.ndarray, root: np.ndarray | None = None) -> np.ndarray:
    """What the nearest centroids (:class:`CentroidFinder`) leave of vectors (n, dim)."""
    return _residuals(codebooks, vectors, CentroidFinder(codebooks, root).nearest(vectors))


def _residuals(codebooks: np.ndarray, vectors: np.ndarray, packed: np.ndarray) -> np.ndarray:
    """Vectors (n, dim) less what faiss's codes (n, bytes) of them say."""
    return vectors - residual_encoder(codebooks, BEAM).sa_decode(packed)


def clusters_are_far(vectors: np.ndarray, seed: int) -> bool:
    """Whether vectors (n, dim) lie in clusters far apart: their distances from the mean exceed those of near ones.

    Of vectors that vary along few axes, near ones are nearer without clusters, too: so many count as dimensions.
    """
    rank = effective_rank(vectors)
    return len(vectors) > 3 and rank > 0 and _misses_clusters(vectors - vectors.mean(axis=0), vectors, 1, seed, rank)


def _misses_clusters(
    residuals: np.ndarray, sample: np.ndarray, centroids: int, seed: int, dim: float | None = None
) -> bool:
    """Whether residuals (n, dim) of a sample are far longer than distances between near vectors of it.

    So they are where clusters far apart share a centroid. As many vectors as centroids are about as near to others as
    these; of more, the nearest is nearer the fewer dimensions there are: ``dim``, or all.
    """
    order = np.random.default_rng(seed).permutation(len(sample))
    some, others = np.array_split(sample[order[: 2 * _PROBES]], 2)
    nearest = faiss.knn(some, others, 1)[0].mean() * max(1, len(others) / centroids) ** (2 / (dim or sample.shape[1]))
    return bool(np.square(residuals, dtype=np.float64).sum(axis=1).mean() > _FAR_APART * nearest)
