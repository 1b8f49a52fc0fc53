"""How many stages a code has."""

from __future__ import annotations

import faiss
import numpy as np

from methods.faiss_tools import faiss_metric
from methods.fitting.offset_choice import constant_mean
from methods.fitting.principal_axes import robust_mean
from methods.metric import Metric
from methods.transform.rq_trellis.product_choice import recalls_without
from methods.transform.rq_trellis.quantizer import lengths
from methods.transform.rq_trellis.training import CHOOSING_STATE_BITS, StageTraining
from methods.transform.transform_coding.choice import best_recall, length_deviation, sample_size

__all__ = ["MOST_STAGES", "chosen_stages", "stages_by_size"]

MOST_STAGES = 8
_LARGE = 32  # bytes of a code from which a second stage gains more than its byte does in levels
_MANY_VECTORS = 16_384  # of training, from which a stage has 256 centroids; with fewer a part of its byte is lost
_FEW_VECTORS = 4096
_STAGES, _MANY_BYTES = 4, 7  # stages, from so many bytes for stages and levels on
_VARIED = 0.1  # standard deviation of logarithms of lengths from which two stages find more by inner product
# Of recall of held-out vectors, after a short training, of which more stages gain less than of a whole one: by which
# other stages than usual have to find more, and by which two or four may find less than one under l2, and two of larger
# codes less than four, which are trained twice as long.
_CLEARLY, _LESS, _TIE = 0.015, 0.004, 0.002
_QUERIES, _BASE, _NEIGHBORS, _TRAINING = 2000, 5000, 10, 16_384
_LEAST_TRAINING, _VALUES = 8192, 8_000_000  # at least so many in many dimensions, which take long


def stages_by_size(code_bytes: int) -> int:
    """Of codes of many bits a dimension, without a look at vectors."""
    return 2 if code_bytes >= _LARGE else 1


def chosen_stages(
    room: int, small: bool, metric: Metric, vectors: np.ndarray, gamma: float, rule: str | None, seed: int
) -> int:
    """How many of the bytes for stages and levels are stages.

    One, two or four, in codes of fewer than 8 bytes one or two, if there are training vectors for 256 centroids.

    By inner product four in codes of no more than a bit a dimension, two where lengths vary (raw word vectors in 12
    bytes .445, four .424) and in others of 32 bytes and more, else one; but another number that finds clearly more of
    held-out vectors. Recall@10 with 2 and 4, fitted on other vectors than the base: sentences in 24 bytes .681 and
    .685, in 48 .815 and .823, in 96 .921 and .922, those of wordllama in 16 .544 and .535, in 32 .731 and .735; fitted
    on the base: in 48 bytes .828 and .832, those of wordllama in 32 .751 and .760. Of sparse vectors (6% of 128 values)
    in 48 bytes .909 and .947; of vectors of 128 signs that follow from 24 numbers, in 8 .515 and .485, one stage .520.
    Eight find .010 to .017 more where codes have 24 bytes and more, or nothing, and train three times as long.

    Under l2 what finds most of held-out vectors: where near vectors are in one cluster, levels and their factor often
    find more. Recall@10 with 1, 2 and 4, fitted on others: raw word vectors in 25 bytes .746, .718 and .708, photo
    descriptors in 32 .879, .873 and .867, sentences in 24 .655, .667 and .655, images in 24 .781, .788 and .797.

    Of fewer training vectors one under l2 (5,000: sentences in 96 bytes .921, with two .914), else two (300: in 48
    bytes .708, with one .682), or one in codes of fewer than 32 bytes that have more than a bit a dimension or fewer
    than 4,096 training vectors.

    Parameters
    ----------
    room : int
        Bytes of stages and levels, at least 2.
    small : bool
        Whether codes have no more than a bit a dimension.
    metric : Metric
    vectors : (n, dim) float32
        Training vectors, of unit norm under ``cosine``.
    gamma : float
        The exponent of the allocation.
    rule : str or None
        Of the factor.
    seed : int
    """
    large = stages_by_size(room + 1)  # with the factor's byte
    if len(vectors) < _MANY_VECTORS:
        if metric is Metric.L2:
            return 1
        return min(2, room - 1) if small and len(vectors) >= _FEW_VECTORS else large
    most = min(_STAGES if room >= _MANY_BYTES else 2, room - 1)
    counts = [count for count in (1, 2, _STAGES) if count <= most]
    recalls = _held_out_recalls(counts, room, small, metric.inner, vectors, gamma, rule, seed)
    if metric is Metric.L2:
        allowances = {1: 0.0, 2: _LESS if small else _LESS + _TIE, _STAGES: _LESS}
        return max(counts, key=lambda count: recalls[count] + allowances[count])
    usual = most if small else large
    if length_deviation(vectors) > _VARIED:
        usual = min(usual, 2)
    best = max(counts, key=lambda count: recalls[count])
    return best if recalls[best] > recalls[usual] + _CLEARLY else usual


def _held_out_recalls(
    counts: list[int],
    room: int,
    small: bool,
    metric: Metric,
    vectors: np.ndarray,
    gamma: float,
    rule: str | None,
    seed: int,
) -> dict[int, float]:
    """Recall with each number of stages of a short training, whose first ones stand for fewer.

    Neither queries nor base are among the vectors of this training: of these, stages say more than of others.
    """
    order, dim = np.random.default_rng(seed).permutation(len(vectors)), vectors.shape[1]
    trained = max(_LEAST_TRAINING, min(_TRAINING, _VALUES // dim))
    ends = np.cumsum([_QUERIES, min(_BASE, sample_size(dim)), trained])
    queries, base, sample = (vectors[each] for each in np.split(order, ends)[:3])
    truth = faiss.knn(queries, base, _NEIGHBORS, metric=faiss_metric(metric))[1]
    l2 = metric is Metric.L2
    center = robust_mean(sample)[0] if l2 else constant_mean(sample)
    if center is None:
        center = np.zeros(dim, np.float32)
    sample = sample - center
    if not l2:
        sample /= lengths(sample)[:, None]
        rule = rule or "renormalized"
    training = StageTraining(counts[-1], CHOOSING_STATE_BITS, gamma, l2, small, np.zeros_like(center), seed)
    recalls = {}
    for count, stages in zip(counts, training.prefixes(sample, len(vectors), room, counts)):
        product = min(1, room - count - 1) if l2 else 0
        quantizer = training.quantizer(stages, center, room - count - product)
        recalls[count] = best_recall(quantizer, rule, metric, (queries, base, truth))
        if l2 and small:
            without = training.quantizer(stages, center, room - count + 1, has_factor=False)
            of_gains = recalls_without(without, recalls[count], queries, base, truth)
            recalls[count] = max(of_gains.values(), default=recalls[count])
    return recalls
