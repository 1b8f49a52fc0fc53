"""Whether an offset along the mean gains more than its bytes cost, on held-out training vectors with simulated codes.

A code at a rate is simulated by the test channel of a Gaussian source (Cover & Thomas, section 10.3): every axis keeps
``1 - D / variance`` of its value and gets noise of variance ``D (1 - D / variance)``, where D is at most the water
level of the rate. The axes are principal ones rotated in runs, as codes have them: one along which nothing varies, as
the mean's may be, gets the noise of its run. So the choice needs no training, is the same for all methods, and takes
less than a second.

Residual stages say already where along the mean a vector lies, which no simulation of axes knows. In small codes, most
of which are stages, an offset is tried: :func:`offset_finds_more` fits both codecs on a part of the training vectors.
"""

from __future__ import annotations

from collections.abc import Callable

import faiss
import numpy as np

from methods.base import Codec, Metric
from methods.encoding.offset import mean_direction, offset_size, split
from methods.fitting.allocation import ROTATED, rotated_axes
from methods.fitting.overlap import average_overlap
from methods.fitting.principal_axes import axes_of, robust_mean, scatter
from methods.fitting.trial import LEAST, NEIGHBORS, held_out, trial_recalls
from methods.kernels.simd.unpack_symbols import GROUP

__all__ = ["constant_mean", "offset_finds_more", "offset_pays"]

_QUERIES, _BASE = 1000, 10_000
_TRIAL_GAIN = (
    0.008  # of recall: trials said .013 where the offset gained .011 in real codes, and .005 where it lost .016
)
_LEAST_SHARE = 1e-4  # of the squared norms that is the mean's: with less there is no common direction
_LARGE_SHARE = 0.25  # where nothing can be held out, and of a mean that is much of vectors
_HARDLY = 1 / 32  # of the average variance along an axis; in a cone of average cosine c it is (1 - c)^2, else over 1
_EFFICIENCY = 0.85  # of the rate: real codes need more bits than the bound
_FINEST = 4e-5  # of a variance: the error of the finest levels, of 8 bits
_GAIN = 0.01  # of recall: less is within the noise of these samples, and a common direction costs three times as much


def offset_pays(vectors: np.ndarray, metric: Metric, code_bytes: float, seed: int, even: bool = False) -> bool:
    """Whether codes with an offset find more held-out neighbors than codes that spend its bytes otherwise.

    Parameters
    ----------
    vectors : (n, dim) float32
        Training vectors.
    metric : Metric
        Under ``l2`` no offset is needed: distances do not depend on the mean.
    code_bytes : float
        Bytes of a code that levels and offset share.
    seed : int
    even : bool
        Codes that err as much along every axis, instead of no more along an axis than vectors vary there.
    """
    if metric is Metric.L2 or code_bytes <= offset_size(code_bytes):
        return False
    queries, base = held_out(vectors, _QUERIES, _BASE, seed)
    robust = robust_mean(base)
    mean = robust[0]
    share = _mean_share(base, mean)
    if share < _LEAST_SHARE:
        return False
    if len(vectors) < LEAST:
        return share > _LARGE_SHARE
    truth, total = _nearest(queries, base), scatter(base, robust)

    def recall(room: float, direction: np.ndarray) -> float:
        axes = rotated_axes(*axes_of(total, len(base), len(mean), direction), seed, len(mean) if even else ROTATED)
        return _recall(queries, base, truth, robust[0], *axes, 8 * room, direction, seed)

    plain = recall(code_bytes, np.zeros(len(mean), np.float32))
    with_offset = recall(code_bytes - offset_size(code_bytes), mean_direction(mean))
    return with_offset > plain + _GAIN


def constant_mean(vectors: np.ndarray) -> np.ndarray | None:
    """The mean (dim,) of vectors (n, dim), if it is much of them and they hardly vary along it, else None.

    So it is where one dimension is the same in all, and in a tight cone. Then codes of what is left by the mean need no
    offset, and say more than codes of the whole: of sentences in a cone of average cosine .9, 24 bytes without an
    offset find .646 of the neighbors, where the whole vectors' find .603. Where vectors vary along the mean, the error
    that such codes make there ranks them wrongly: on ``squad-sentences-layer4`` .749 were found, and .686 so.
    """
    some = vectors[:: -(-len(vectors) // _BASE)]
    mean, weights = robust_mean(some)
    if _mean_share(some, mean) <= _LARGE_SHARE:
        return None
    centered = (some - mean) * weights[:, None]
    along = np.square(centered @ mean_direction(mean), dtype=np.float64).mean()
    average = np.einsum("ij,ij->", centered, centered, dtype=np.float64) / centered.size
    return mean if along < _HARDLY * average else None


def _mean_share(vectors: np.ndarray, mean: np.ndarray) -> float:
    """The squared norm of the mean, as a share of the median one of vectors."""
    squares = np.median(np.einsum("ij,ij->i", vectors, vectors, dtype=np.float64))
    return float(mean.astype(np.float64) @ mean) / squares if squares > 0 else 0.0


def offset_finds_more(codec: Callable[[bool], Codec], vectors: np.ndarray, seed: int) -> bool:
    """Whether a codec with an offset finds more held-out training vectors than the same codec without, by ip.

    By a trial (:mod:`methods.fitting.trial`). The gain has to be .008 of recall: the nearer neighbors are, as in a
    whole data set, the less an offset finds.

    Parameters
    ----------
    codec : callable
        The codec that is not fitted, with an offset (True) or without (False).
    vectors : (n, dim) float32
        Training vectors, of unit norm for a codec under ``cosine``.
    seed : int
    """
    if len(vectors) < LEAST:
        return True
    with_offset, plain = trial_recalls([codec(True), codec(False)], vectors, seed)
    return with_offset > plain + _TRIAL_GAIN


def _nearest(queries: np.ndarray, base: np.ndarray) -> np.ndarray:
    """Rows (nq, 10) of the base with the largest inner products."""
    return faiss.knn(queries, base, NEIGHBORS, metric=faiss.METRIC_INNER_PRODUCT)[1]


def _recall(
    queries: np.ndarray,
    base: np.ndarray,
    truth: np.ndarray,
    mean: np.ndarray,
    matrix: np.ndarray,
    spread: np.ndarray,
    bits: float,
    direction: np.ndarray,
    seed: int,
) -> float:
    """Share of the true neighbors that codes of so many ``bits`` along rotated axes find.

    What lies along ``direction`` is exact.
    """
    offsets, rests = split(base, mean, direction)
    values = _channel(rests @ matrix, np.repeat(spread, GROUP).astype(np.float64), _EFFICIENCY * bits, seed)
    decoded = np.column_stack([values, offsets]).astype(np.float32)
    along = queries @ direction
    mapped = np.column_stack([(queries - along[:, None] * direction) @ matrix, along]).astype(np.float32)
    return average_overlap(truth, _nearest(mapped, decoded))


def _channel(values: np.ndarray, variances: np.ndarray, bits: float, seed: int) -> np.ndarray:
    """``values`` (n, dim) float32 as codes of ``bits`` at the bound would hold them, as long as they were."""
    known = np.maximum(variances, 1e-12 * max(float(variances.max()), 1e-30))
    left = np.minimum(np.maximum(_water_level(known, bits), _FINEST * known), known) / known
    noise = np.random.default_rng(seed).standard_normal(values.shape, np.float32)
    sizes = np.sqrt(left * (1 - left) * known).astype(np.float32)
    coded = values * (1 - left).astype(np.float32)
    # Vectors are brought to one size before they are coded, so that noise is in proportion to their length.
    norms = np.linalg.norm(values, axis=1, keepdims=True)
    typical = np.sqrt(np.mean(norms**2)) or np.float32(1)
    coded += noise * sizes * (norms / typical)
    after = np.linalg.norm(coded, axis=1, keepdims=True)
    return coded * np.divide(norms, after, out=np.zeros_like(norms), where=after > 0)


def _water_level(variances: np.ndarray, bits: float) -> float:
    """The error D of every axis with a larger variance at which these take ``bits`` in all (bisection)."""
    low, high = np.log(variances.min()) - 2 * bits, np.log(variances.max())
    logs = np.log(variances)
    for _ in range(60):
        level = (low + high) / 2
        if np.maximum(logs - level, 0).sum() / (2 * np.log(2)) > bits:
            low = level
        else:
            high = level
    return float(np.exp(high))
