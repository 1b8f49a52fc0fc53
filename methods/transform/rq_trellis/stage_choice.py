"""How many stages a code has."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import faiss
import numpy as np

from methods.faiss_tools import faiss_metric
from methods.fitting.offset_choice import constant_mean
from methods.fitting.principal_axes import robust_mean
from methods.metric import Metric
from methods.transform.rq_trellis.product_choice import leave_out, recalls_without
from methods.transform.rq_trellis.quantizer import lengths
from methods.transform.rq_trellis.stages import LEAST_BITS, clusters_are_far, first_stages
from methods.transform.rq_trellis.training import CHOOSING_STATE_BITS, StageTraining
from methods.transform.transform_coding.choice import LEAST, best_recall, length_deviation, sample_size
from methods.transform.trellis.codec import Trellis

__all__ = ["MOST_STAGES", "chosen_stages", "stages_by_size"]

MOST_STAGES = 8
_LARGE = 32  # bytes of a code from which a second stage gains more than its byte does in levels
_MANY_VECTORS = 16_384  # of training, from which a stage has 256 centroids; with fewer a part of its byte is lost
_FEW_VECTORS = 4096
_FEW_OF_A_CLUSTER = 1000  # of which a trial, with a part of them, has too few of each cluster to tell
_MOST_TRIED, _MANY_BYTES = 4, 7  # stages, from so many bytes for stages and levels on
_VARIED = 0.1  # standard deviation of logarithms of lengths from which two stages find more by inner product
_CLEARLY = 0.015  # of recall, by which by inner product another number has to find more than the default
# Of recall, by which by distance so many stages may find less than fewer: of a short training they gain less than of a
# whole one, where codes have no more than a bit a dimension.
_LESS_IF_SMALL, _LESS_OF_FEW = {2: 0.004, 4: 0.004}, {1: 0.004}
_QUERIES, _BASE, _NEIGHBORS, _TRAINING = 2000, 5000, 10, 16_384
_LEAST_TRAINING, _VALUES = 8192, 8_000_000  # at least so many in many dimensions, which take long


def stages_by_size(code_bytes: int) -> int:
    """Of codes of many bits a dimension, without a look at vectors."""
    return 2 if code_bytes >= _LARGE else 1


def chosen_stages(
    room: int, small: bool, metric: Metric, vectors: np.ndarray, gamma: float, rule: str | None, seed: int
) -> int:
    """How many stages codes have: 0 (levels alone), 1, 2 or 4, which in codes of fewer than 8 bytes is too many.

    By inner product there is a default: four in codes of no more than a bit a dimension, two where lengths vary
    and in others of 32 bytes and more, else one. Another one, but 0, takes its place if held-out vectors find clearly
    more with it. Of fewer than 16,384 training vectors, too few for 256 centroids, nothing is tried: two in codes of no
    more than a bit a dimension if there are 4,096, else two from 32 bytes on, or one.

    By distance, where near vectors are in one cluster, of which levels and their factor often say more, held-out
    vectors decide, with a little allowed to more stages, which gain more of a whole training. Of fewer than 16,384
    training vectors there is one stage or none. Of fewer than 1,000 in clusters far apart one, of fewer than 200 others
    none, without a trial.

    Figures are in docs/frontier.md.

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
        Of the factor (:mod:`methods.transform.transform_coding.scales`); None: it is chosen.
    seed : int
    """
    by_size, many = stages_by_size(room + 1), len(vectors) >= _MANY_VECTORS  # with the factor's byte
    most = min(_MOST_TRIED if room >= _MANY_BYTES else 2, room - 1) if many else 1
    counts = [count for count in (1, 2, _MOST_TRIED) if count <= most]
    if metric is Metric.L2:
        if len(vectors) < _FEW_OF_A_CLUSTER and clusters_are_far(vectors, seed):
            return 1
        if len(vectors) < LEAST:
            return 0
        trial = _Trial.of(vectors, room, small, metric, gamma, rule, seed)
        less = _LESS_OF_FEW if not many else _LESS_IF_SMALL if small else {}
        recalls = {**trial.of_stages(counts), 0: trial.of_levels_alone()}
        return max(recalls, key=lambda count: recalls[count] + less.get(count, 0.0))
    if not many:
        return min(2, room - 1) if small and len(vectors) >= _FEW_VECTORS else by_size
    default = most if small else by_size
    if length_deviation(vectors) > _VARIED:
        default = min(default, 2)
    if most == 1:
        return 1
    recalls = _Trial.of(vectors, room, small, metric.inner, gamma, rule, seed).of_stages(counts)
    best = max(recalls, key=lambda count: recalls[count])
    return best if recalls[best] > recalls[default] + _CLEARLY else default


@dataclass(frozen=True)
class _Trial:
    """Recall of some training vectors that search others, by a code that was trained on neither.

    Of vectors of the training itself, stages say more than of others. Codes are those of one candidate without offset
    and sizes, with exact factors.

    Attributes
    ----------
    room, small, gamma, rule, seed
        As of :func:`chosen_stages`.
    metric : Metric
        ``ip`` or ``l2``.
    vectors : (n, dim) float32
        All training vectors.
    sample : (n, dim) float32
        Training vectors of the trial.
    held_out : (queries (nq, dim), base (n, dim), nearest (nq, 10))
    """

    room: int
    small: bool
    metric: Metric
    gamma: float
    rule: str | None
    seed: int
    vectors: np.ndarray
    sample: np.ndarray
    held_out: tuple[np.ndarray, np.ndarray, np.ndarray]

    @classmethod
    def of(
        cls, vectors: np.ndarray, room: int, small: bool, metric: Metric, gamma: float, rule: str | None, seed: int
    ) -> Self:
        """A trial with some of the training ``vectors``."""
        (n, dim), order = vectors.shape, np.random.default_rng(seed).permutation(len(vectors))
        trained = max(_LEAST_TRAINING, min(_TRAINING, _VALUES // dim))
        ends = np.cumsum([min(_QUERIES, n // 8), min(_BASE, sample_size(dim), n // 4), trained])
        queries, base, sample = (vectors[each] for each in np.split(order, ends)[:3])
        truth = faiss.knn(queries, base, _NEIGHBORS, metric=faiss_metric(metric))[1]
        return cls(room, small, metric, gamma, rule, seed, vectors, sample, (queries, base, truth))

    def of_levels_alone(self) -> float:
        dim, states = self.sample.shape[1], CHOOSING_STATE_BITS
        codec = Trellis(dim, self.metric, self.room, gamma=self.gamma, scale=self.rule, state_bits=states)
        codec.fit(self.sample, seed=self.seed)
        return best_recall(codec.quantizer_, codec.rule_, self.metric, self.held_out)

    def of_stages(self, counts: Sequence[int]) -> dict[int, float]:
        """By numbers of stages, ascending: of the last, after a short training, of which fewer are the first ones."""
        l2, rule = self.metric is Metric.L2, self.rule
        center = robust_mean(self.sample)[0] if l2 else constant_mean(self.sample)
        if center is None:
            center = np.zeros(self.sample.shape[1], np.float32)
        sample = self.sample - center
        if not l2:
            sample /= lengths(sample)[:, None]
            rule = rule or "renormalized"
        none = np.zeros_like(center)
        training = StageTraining(counts[-1], CHOOSING_STATE_BITS, self.gamma, l2, self.small, none, self.seed)
        recalls = {}
        n, bits = len(self.vectors), LEAST_BITS
        if n < _MANY_VECTORS:  # a part of few vectors may not show that each cluster needs a centroid
            bits = first_stages(self.vectors - center, counts[-1], n, self.seed)[0]
        for count, stages in zip(counts, training.prefixes(sample, n, self.room, counts, bits)):
            product = min(1, self.room - count - 1) if l2 else 0
            quantizer = training.quantizer(stages, center, self.room - count - product)
            recalls[count] = best_recall(quantizer, rule, self.metric, self.held_out)
            if l2 and self.small:
                without = training.quantizer(stages, center, self.room - count + 1, has_factor=False)
                of_gains = recalls_without(without, *self.held_out)
                if leave_out(of_gains, recalls[count]):
                    recalls[count] = max(of_gains.values())
        return recalls
