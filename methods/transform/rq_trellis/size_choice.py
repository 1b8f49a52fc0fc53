"""How many sizes of levels codes by inner product choose from, if they say factor and size at all, and their gain."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable
from typing import NamedTuple

import faiss
import numpy as np

from methods.encoding.factor_byte import as_stored
from methods.encoding.offset import split
from methods.encoding.size_and_factor import SizeAndFactor
from methods.metric import Metric
from methods.transform.rq_trellis.quantizer import StagedQuantizer, lengths
from methods.transform.transform_coding import scales
from methods.transform.transform_coding.choice import held_out, largest_of_equals, overlap

__all__ = ["OWN_BYTE", "ChosenSizes", "chosen_sizes"]

OWN_BYTE = 256  # sizes
_SIMILAR, _VARIED = 12, 5  # sizes that share a byte with 21 factors, and with 51
_ALIKE = 0.07  # standard deviation of logarithms of factors up to which 21 of them are enough
_FEW = 2000  # training vectors: those of fewer lie nearer to their centroids than new vectors do
_LARGE = 24  # bytes of levels from which a byte for sizes alone may pay
_LENGTH, _NEAREST = "renormalized", "least_squares"  # of :mod:`methods.transform.transform_coding.scales`
_CLEARLY = 0.015  # of recall: word vectors in 12 bytes, .008 more by held-out ones, find .010 less of queries
_GAIN = 0.002  # of recall, by which sizes have to find more
_FACTOR_LOSS = 0.01  # of held-out recall that a byte more of levels may cost: among all vectors it gains more
_POWERS = (0.0, 0.5, 0.75, 1.0)  # of the gain that makes levels as long as what they stand for


class ChosenSizes(NamedTuple):
    """What codes say of lengths.

    Attributes
    ----------
    sizes : int
        To choose from, 0 where codes say none.
    gain : float
        The quantizer's, for these.
    rule : str or None
        Of the factor; None: :func:`~methods.transform.transform_coding.choice.choose` tries them.
    factor : bool
        Whether codes say one.
    """

    sizes: int = 0
    gain: float = 1.0
    rule: str | None = None
    factor: bool = True


def chosen_sizes(
    quantizer: Callable[..., StagedQuantizer],
    vectors: np.ndarray,
    direction: np.ndarray,
    level_bytes: int,
    may_leave_out: bool,
    seed: int,
) -> ChosenSizes:
    """How many sizes there are, and whether there is a factor.

    12 where factors are similar, of which few are then enough: of vectors of one length. Else held-out training vectors
    decide: sizes gain where residuals are of different lengths, and leave fewer factors. Word vectors of varied lengths
    (50 bytes) find .906 without sizes, .920 with a byte for each, and .896 with 12 sizes and 21 factors; the same
    brought to one length, with an offset (25 bytes) .711 without and .701 with 12 and 21.

    Neither where vectors are of one length, unless held-out ones find clearly less so than with 12 and 21. Among all
    vectors that finds more than 10,000 held-out ones tell: 331,479 word vectors in 6 bytes .217 for .168 (.355 for .354
    held out), in 12 .440 for .414, sentences in 24 .686 for .679, those of wordllama in 16 .570 for .556, in 32 .760
    for .756; in 48 bytes .818 for .825 where sentences share a direction, and as much where not.

    Parameters
    ----------
    quantizer : callable
        The quantizer for so many ``sizes``, or with ``other=-1`` that without a factor.
    vectors : (n, dim) float32
        Training vectors.
    direction : (dim,) float32
        Along which an offset is kept, or zero.
    level_bytes : int
        Bytes of a code for levels.
    may_leave_out : bool
        Whether codes may have no factor.
    """
    if len(vectors) < _FEW:
        return ChosenSizes()
    trial = _Trial(vectors, direction, seed)
    similar = trial.of_sizes(quantizer(sizes=_SIMILAR))
    if may_leave_out:
        recall, gain = trial.of_one_length(quantizer(other=-1))
        if recall > similar.recall - _FACTOR_LOSS:
            return ChosenSizes(0, gain, _LENGTH, factor=False)
    if similar.deviation <= _ALIKE:
        return ChosenSizes(_SIMILAR, similar.gain, similar.rule)
    counts = (_VARIED, OWN_BYTE) if level_bytes >= _LARGE else (_VARIED,)
    best, count = max((trial.of_sizes(quantizer(sizes=count)), count) for count in counts)
    if best.recall > trial.without(quantizer(sizes=0)) + _GAIN:
        return ChosenSizes(count, best.gain, best.rule)
    return ChosenSizes()


class _Tried(NamedTuple):
    """Recall with sizes by the best gain and rule; this rule, the largest gain of equals, and the standard deviation of
    factors' logarithms with it."""

    recall: float
    gain: float
    rule: str
    deviation: float


class _Decoded(NamedTuple):
    """What is coded of the base, its offsets (n,), and the centroids and levels of its codes, each (n, dim)."""

    rests: np.ndarray
    offsets: np.ndarray
    centroids: np.ndarray
    levels: np.ndarray


class _Trial:
    """Held-out training vectors as queries, and what codes of others find for them by inner product."""

    def __init__(self, vectors: np.ndarray, direction: np.ndarray, seed: int) -> None:
        self.queries, self.base, self.truth = held_out(vectors, Metric.IP, seed)
        self.direction = direction

    def without(self, quantizer: StagedQuantizer) -> float:
        """Recall without sizes."""
        rests, offsets = self._rests(quantizer)
        codes = quantizer.encode(rests)[0]
        decoded, stored = quantizer.decode(codes, _ones(codes)), as_stored
        by_length, nearest = (self._recall(decoded, rests, offsets, rule, stored) for rule in (_LENGTH, _NEAREST))
        return nearest if nearest > by_length + _CLEARLY else by_length

    def of_sizes(self, quantizer: StagedQuantizer) -> _Tried:
        """Recall with sizes by the best gain and rule.

        Where factors make codes as long as vectors, tried are 1, by which levels are nearest to what they stand for,
        what makes them as long as that, and two between. 1 finds most of all word vectors in 6 bytes (.257; .226 by the
        geometric mean of both), the last of sentences in 16 (.536; .528 by the mean, .509 by 1). Where factors make
        codes nearest to vectors, 1: only where that finds clearly more, as of all word vectors in 6 bytes (.027). Of
        held-out sentences it found .005 more, and of their questions .018 less.
        """
        assert quantizer.sizes is not None
        coded = self._decoded(quantizer)
        exact = self._by_gain(coded)
        rests, offsets, centroids, levels = coded
        best, gain, rule = max(exact, key=lambda each: exact[each]), largest_of_equals(exact), _LENGTH
        if self._recall(centroids + levels, rests, offsets, _NEAREST) > exact[best] + _CLEARLY:
            best, gain, rule = 1.0, 1.0, _NEAREST
        stored = functools.partial(_beside, quantizer.sizes)
        recall = self._recall(centroids + np.float32(best) * levels, rests, offsets, rule, stored)
        logs = np.log(lengths(rests) / lengths(centroids + np.float32(gain) * levels), dtype=np.float64)
        return _Tried(recall, gain, rule, float(logs.std()))

    def of_one_length(self, quantizer: StagedQuantizer) -> tuple[float, float]:
        """Recall without factor by the best gain, and the largest of equals."""
        exact = self._by_gain(self._decoded(quantizer))
        return max(exact.values()), largest_of_equals(exact)

    def _by_gain(self, coded: _Decoded) -> dict[float, float]:
        """Recall for each gain, by exact factors that make codes as long as vectors."""
        rests, offsets, centroids, levels = coded
        wanted = rests / lengths(rests)[:, None] - centroids
        squares, own = (np.einsum("ij,ij->i", each, each) for each in (wanted, levels))
        telling = (squares > 0) & (own > 0)
        full = float(np.sqrt(np.median(squares[telling] / own[telling]))) if telling.any() else 1.0
        return {
            gain: self._recall(centroids + np.float32(gain) * levels, rests, offsets, _LENGTH)
            for gain in (full**power for power in _POWERS)
        }

    def _decoded(self, quantizer: StagedQuantizer) -> _Decoded:
        rests, offsets = self._rests(quantizer)
        codes = quantizer.encode(rests)[0]
        centroids, sums = (dataclasses.replace(quantizer, gain=gain).decode(codes, _ones(codes)) for gain in (0.0, 1.0))
        return _Decoded(rests, offsets, centroids, sums - centroids)

    def _rests(self, quantizer: StagedQuantizer) -> tuple[np.ndarray, np.ndarray]:
        """What is coded of the base (n, dim), and its offsets (n,)."""
        offsets, rests = split(self.base - quantizer.mean, np.zeros_like(self.direction), self.direction)
        return rests, offsets

    def _recall(
        self,
        decoded: np.ndarray,
        rests: np.ndarray,
        offsets: np.ndarray,
        rule: str,
        stored: Callable[[np.ndarray], np.ndarray] = lambda factors: factors,
    ) -> float:
        """Of ``decoded`` (n, dim), whose factors follow from ``rests`` by a rule and are read as ``stored`` says."""
        factors = stored(scales.factors(rule, scales.products(rests, decoded)))
        vectors = decoded * factors[:, None] + offsets[:, None] * self.direction
        ids = faiss.knn(self.queries, vectors, self.truth.shape[1], faiss.METRIC_INNER_PRODUCT)[1]
        return overlap(ids, self.truth)


def _ones(codes: np.ndarray) -> np.ndarray:
    return np.ones(len(codes), np.float32)


def _beside(sizes: np.ndarray, factors: np.ndarray) -> np.ndarray:
    """Factors (n,) as codes with such sizes say them."""
    both = SizeAndFactor.fit(sizes, factors)
    return both.decode(both.encode(np.zeros(len(factors), np.int64), factors))[1]
