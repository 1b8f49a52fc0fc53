"""The method ``rq_trellis``."""

from __future__ import annotations

import functools
from typing import Any, ClassVar, Self

import numpy as np

from methods.base import Codec, Metric, Searcher
from methods.encoding.factor_byte import factor_bytes, steps_of
from methods.encoding.gaussian_levels import MOST_BITS
from methods.encoding.offset import fitted_bounds, mean_direction, offset_size, split
from methods.encoding.size_and_factor import SizeAndFactor
from methods.errors import BudgetError
from methods.faiss_tools import training_sample
from methods.fitting.allocation import group_count
from methods.fitting.offset_choice import constant_mean, offset_finds_more, offset_pays
from methods.fitting.principal_axes import robust_mean
from methods.fitting.residual import residual_encoder
from methods.parameters import check_integer
from methods.registry import register
from methods.search.decoding import DecodingSearcher
from methods.transform.rq_trellis.equal_lengths import common_length, vectors_of_length
from methods.transform.rq_trellis.factor_parts import factor_parts, length_parts, stored_factors
from methods.transform.rq_trellis.product_choice import last_bytes
from methods.transform.rq_trellis.quantizer import StagedQuantizer, lengths
from methods.transform.rq_trellis.search import StagedSearcher
from methods.transform.rq_trellis.size_choice import OWN_BYTE, chosen_sizes
from methods.transform.rq_trellis.stage_choice import MOST_STAGES, chosen_stages, stages_by_size
from methods.transform.rq_trellis.stages import BEAM, LEAST_BITS, TRAINING
from methods.transform.rq_trellis.training import CHOOSING_STATE_BITS, StageTraining
from methods.transform.transform_coding import scales
from methods.transform.transform_coding.choice import GAMMAS, MIDDLE_GAMMA, choose, sample_size
from methods.transform.transform_coding.codec import check_offset
from methods.transform.transform_coding.offset import OffsetQuantizer, without_direction, without_offset
from methods.transform.transform_coding.quantizer import encode_scaled
from methods.transform.trellis.codec import Trellis, check_state_bits
from methods.transform.trellis.quantizer import from_parts, quantizer_type

MOST_CANDIDATES = 64
_FACTOR_BYTES = 1
_SIZE_SAMPLE = 4000  # at most: to know the sizes of levels
_CHOOSING_FROM = 5000  # training vectors; of fewer the trellis itself takes no longer, and these tell less
_MOST_WITHOUT_FACTOR = 32  # bytes of a code without: of larger ones a byte more is too small a part to tell
_FEW_BITS = 1  # of a code, for each dimension: up to here more stages gain, since they say most of the code
_LEAST_CHOSEN = 4  # bytes of a code that may have more than one
_MOST_CHOSEN_BITS, _MOST_CHOSEN_BITS_L2 = 4, 6  # of such a code, for each dimension
# By the last, large codes of sentences find .002 more; without stages as often less, and under l2 .005 less.
_GAMMAS = (*GAMMAS, 1.75)


@register("rq_trellis")
class RQTrellis(Codec):
    """Centroids of a few residual stages, a trellis code of the residual along its principal axes, and a factor.

    A vector stands as ``factor * (centroids + size * levels)``, plus the mean where they hardly vary along it
    (:func:`~methods.fitting.offset_choice.constant_mean`), under l2 as ``mean + centroids + factor * levels``. A
    stage's byte names the cluster of the training set in which a vector lies, which levels along axes cannot; the
    residual is coded as :class:`~methods.transform.trellis.codec.Trellis` does. Under the inner product the factor
    scales centroids and levels together: to the length of the vector, which is what ranks unit vectors; the size is
    that of the residual, since some vectors lie near their centroid and others far from it. Under l2 the factor scales
    the levels alone: there, near vectors differ by their residuals. Stages: Chen, Guan and Wang, Sensors 2010, but
    trained and searched by distances that weigh axes by the error of their levels (:func:`.stages.search_root`), under
    l2 where held-out vectors find more so. Where these find more without stages, codes are those of ``trellis``.
    With fewer than 64 training vectors a centroid there are fewer centroids: the next smaller power of two. Where
    clusters are so far apart that each needs one, 4 vectors a centroid do.

    A code is ``[stages] [symbols of the groups] [offset] [factor] [size]``. Size and factor share a byte, one of 12
    sizes and one of 21 factors; of vectors of varied lengths, one of 5 and of 51, or a byte for each, or no size,
    whichever finds most of held-out training vectors (:mod:`methods.encoding.size_and_factor`). Codes of no more than
    32 bytes and a bit a dimension have neither, but a byte more of levels, if 2,000 training vectors or more are of one
    length, unless held-out ones find clearly less so: what they stand for is made that long (:mod:`.equal_lengths`).
    All that is encoded is then taken for as long, zero vectors, too, if none was there in training. Under l2 a byte or
    two more hold the product of centroids and levels, or, coarsely, the factor's own
    (:mod:`methods.encoding.factor_and_product`); short codes may have neither. Where vectors share a direction, one or
    two bytes hold the offset along the mean, and stages and levels what is orthogonal to it
    (:mod:`methods.encoding.offset`).

    Parameters
    ----------
    dim, metric
        As for :class:`~methods.base.Codec`.
    stages : int or None
        Codebooks of 256 centroids, 0 to 8; with 0 codes and parts are those of ``trellis``. None: 0, 1, 2 or 4, as
        :func:`.stage_choice.chosen_stages` says when it is fitted; their bytes are of ``level_bytes`` then.
    level_bytes : int
        Bytes of a code for levels, and for offset or product. A group of eight axes has as many of them as a level has
        bits.
    gamma : float or None
        Bits follow ``variance ** gamma``; None: what finds most neighbors of held-out training vectors.
    scale : {None, "least_squares", "renormalized", "unbiased"}
        The rule of :mod:`methods.transform.transform_coding.scales` for the factor, which codes then have; None: chosen
        in the same way, of the first two.
    state_bits : {12, 10}
        Of the trellis, as for ``trellis``; with 10 encoding takes a third of the time.
    offset : bool or None
        Whether codes hold an offset; None: where held-out training vectors find more neighbors with it. Never under l2.
    candidates : int
        Sums of centroids whose residuals are coded as well, the code with the least error being kept: 1 to 64. Encoding
        takes as many times as long; short codes gain.
    """

    family = "transform"
    copies_codes = True
    summary = "residual stages, trellis-coded levels of their residuals, one byte of scale"
    source = "Chen et al. 2010; Marcellin & Fischer 1990"
    # 1: under l2, too, a factor of centroids and levels together; 2: always 256 centroids;
    # 3: the factor's byte divided its whole range evenly; 4: 256 states, a path for each number of bits,
    # and values coded at their own size; 5: one stage at every size, of 20,000 training vectors; 6: no offset, outliers
    # counted in full for the axes; 7: an offset wherever simulated codes without stages found more with it;
    # 8: variances of few training vectors were their own, and fewer than 256 were repeated; 9: under l2 two bytes of
    # squared length; 10: exponent and rule chosen by the trellis itself, factors of 20,000
    # vectors; 11: by inner product no size of the levels; 12: centroids nearest by all of the residual;
    # 13: held-out variances were of four folds, and in more than 400 dimensions more vectors were searched; under l2
    # whole weights for distances, and exponents up to 1.75
    # 14: short codes had scalar levels, and a path was the best of one state at the seam; 15: k-means in all dimensions
    # at once, and whole vectors were coded where they hardly vary along the mean; 16: always a factor by inner product,
    # and fewer iterations of k-means in few dimensions and of copies; 17: by inner product fine levels were chosen
    # for vectors divided by their exact length; 18: stages of codes of more than a bit a dimension by their bytes alone
    # 19: always a stage
    version = "20"
    # Of versions 7 to 9 not under l2: they chose other codes in the same format.
    reads_versions = frozenset({"7", "8", "9", "10", "11", "12", "13", "14", "15", "16", "17", "18", "19"})
    renamed: ClassVar[dict[str, str]] = {"bits": "level_bytes"}
    renamed_parts: ClassVar[dict[str, str]] = {"centre": "mean"}
    check_params: ClassVar[dict[str, Any]] = {"state_bits": 10}
    estimator = True  # queries are rounded to int8

    def __init__(
        self,
        dim: int,
        metric: Metric = Metric.IP,
        stages: int | None = 1,
        level_bytes: int = 8,
        *,
        gamma: float | None = None,
        scale: str | None = None,
        state_bits: int = 12,
        offset: bool | None = None,
        candidates: int = 1,
    ) -> None:
        self.stages, self.level_bytes, self.gamma, self.scale = stages, level_bytes, gamma, scale
        self.state_bits, self.offset, self.candidates = state_bits, offset, candidates
        super().__init__(dim, metric)

    @classmethod
    def _sized(
        cls, dim: int, code_bytes: int, metric: Metric, *, stages: int | None = None, offset: bool | None
    ) -> dict[str, Any]:
        """A byte a stage; what the factor leaves goes to symbols.

        ``stages`` None: those of codes of no more than four bits a dimension, by distance six, are chosen when they are
        fitted; two in others of 32 bytes and more, else one.
        """
        if stages is None:
            most = (_MOST_CHOSEN_BITS_L2 if metric is Metric.L2 else _MOST_CHOSEN_BITS) * dim / 8
            if _LEAST_CHOSEN + bool(offset) <= code_bytes <= most:
                return {"stages": None, "level_bytes": code_bytes - _FACTOR_BYTES}
            stages = stages_by_size(code_bytes)
        other = check_integer("stages", stages, 0, MOST_STAGES) + _FACTOR_BYTES
        least = other + 1 + (offset_size(1) if offset else 0)
        if code_bytes < least:
            raise BudgetError(cls.name, code_bytes, least)
        return {"stages": stages, "level_bytes": min(code_bytes - other, MOST_BITS * group_count(dim))}

    @property
    def code_size(self) -> int:
        return (self.stages or 0) + self.level_bytes + _FACTOR_BYTES

    # --- fitted state ------------------------------------------------------------------------------------

    def _fit(self, vectors: np.ndarray, seed: int) -> None:
        if not self.stages:
            # Not fit(): under cosine vectors are of unit norm already, and stay as they are.
            return self._load_parts(self._with_stages_of(vectors, seed)._fit_anew(vectors, seed).parts())
        direction, center = np.zeros(self.dim, np.float32), np.zeros(self.dim, np.float32)
        keeps_offset = self._keeps_offset(vectors, seed)
        if keeps_offset or self.metric is Metric.L2:
            center = robust_mean(vectors)[0]
        elif (constant := constant_mean(vectors)) is not None:
            center = constant
        if keeps_offset:
            direction = mean_direction(center)
        given = training_sample(vectors, 2**LEAST_BITS, TRAINING, seed) - center
        rests = without_direction(given, direction) if keeps_offset else given
        sample = rests if self.metric is Metric.L2 else rests / lengths(rests)[:, None]
        offset_bytes = offset_size(self.level_bytes) if keeps_offset else 0
        small = _is_small(self.code_size, self.dim)
        training = StageTraining(
            self.stages,
            self.state_bits,
            self._middle_gamma,
            self.metric is Metric.L2,
            small,
            direction,
            seed,
        )
        codebooks, matrix, spread, residuals, power = training.run(
            sample, vectors, center, self.level_bytes - offset_bytes, self.scale
        )
        coarse = residual_encoder(codebooks, BEAM)
        residuals = residuals[:: -(-len(residuals) // min(_SIZE_SAMPLE, sample_size(self.dim)))]
        given = given[:: -(-len(given) // sample_size(self.dim))]
        bounds = fitted_bounds(split(given, np.zeros_like(direction), direction)[0], self.level_bytes)

        def quantizer(
            gamma: float,
            other: int = 0,
            candidates: int = 1,
            state_bits: int = self.state_bits,
            sizes: int = 0,
            gain: float = 1.0,
        ) -> Any:
            zero, has_factor = np.zeros(self.dim, np.float32), other >= 0 or self.metric is not Metric.L2
            room = self.level_bytes - offset_bytes - other - (1 if sizes == OWN_BYTE else 0)
            fine = quantizer_type(state_bits, room).choose(zero, matrix, spread, room, gamma)
            known = SizeAndFactor.sizes_for(fine.sizes(residuals), sizes) if sizes else None
            staged = StagedQuantizer(
                center, coarse, fine, self.metric is not Metric.L2, candidates, known, gain, power, has_factor
            )
            return OffsetQuantizer(staged, direction, bounds) if keeps_offset else staged

        tried = (
            functools.partial(quantizer, state_bits=CHOOSING_STATE_BITS)
            if len(vectors) >= _CHOOSING_FROM
            else quantizer
        )
        given_rule, length = self.scale, None
        if self.metric is not Metric.L2:
            centered = center.any() and not keeps_offset  # then lengths depend on where codes lie around the mean
            if small and self.code_size <= _MOST_WITHOUT_FACTOR and self.scale is None and not centered:
                length = common_length(vectors, rests)
            choice = chosen_sizes(
                lambda **options: without_offset(tried(self._middle_gamma, **options)),
                *(vectors, direction, self.level_bytes - offset_bytes, length is not None, seed),
            )
            other = 0 if choice.factor else -1
            tried, quantizer = (
                functools.partial(each, sizes=choice.sizes, gain=choice.gain, other=other)
                for each in (tried, quantizer)
            )
            given_rule, length = self.scale or choice.rule, None if choice.factor else length
        exponents = GAMMAS if self.metric is Metric.L2 else _GAMMAS
        gamma, rule = choose(tried, vectors, self.metric.inner, self.gamma, given_rule, seed, exponents)
        if self.metric is Metric.L2:
            last = last_bytes(
                self.dim, self.level_bytes, lambda other: quantizer(gamma, other), rule, vectors, seed, small
            )
            chosen = quantizer(gamma, last.size - 1, self.candidates, gain=last.gain)
        else:
            last, chosen = None, quantizer(gamma, candidates=self.candidates)
        fine = without_offset(chosen).fine
        parts = {
            "mean": center,
            "codebooks": codebooks,
            **fine.parts(),
            **(factor_parts(chosen, rule, given, last) if length is None else length_parts(chosen, length)),
            "scale": np.array([scales.RULES.index(rule)], np.uint8),
            "gamma": np.array([gamma], np.float32),
        }
        if power is not None:
            parts["stage_power"] = np.array([power], np.float32)
        self._load_parts(parts | ({"direction": direction, "offset_range": bounds} if keeps_offset else {}))

    def _keeps_offset(self, vectors: np.ndarray, seed: int) -> bool:
        if self.metric is Metric.L2 or self.offset is False or self.level_bytes <= offset_size(self.level_bytes):
            return False
        if self.offset or not offset_pays(vectors, self.metric, self.code_size - _FACTOR_BYTES, seed):
            return bool(self.offset)
        if not _is_small(self.code_size, self.dim):
            return True
        return offset_finds_more(lambda offset: self._of_trial(offset=offset), vectors, seed)

    def _with_stages_of(self, vectors: np.ndarray, seed: int) -> Codec:
        """The codec, not fitted, of as many bytes with the number of stages that is given or chosen."""
        count = self.stages
        if count is None:
            small = _is_small(self.code_size, self.dim)
            room = self.level_bytes - (offset_size(self.level_bytes) if self.offset else 0)
            count = chosen_stages(room, small, self.metric, vectors, self._middle_gamma, self.scale, seed)
        if count == 0:
            return self._levels_alone()
        return type(self)(**{**self.params(), "stages": count, "level_bytes": self.level_bytes - count})

    def _levels_alone(self) -> Trellis:
        """The codec of codes without stages."""
        given = {name: self.params()[name] for name in ("dim", "metric", "gamma", "scale", "state_bits", "offset")}
        return Trellis(**given, level_bytes=self.code_size - _FACTOR_BYTES)

    def _of_trial(self, **other: Any) -> Self:
        """The codec, not fitted, with ``other`` parameters, for trials: quick to fit and to encode with."""
        given = {"gamma": self._middle_gamma, "state_bits": CHOOSING_STATE_BITS, "candidates": 1}
        return type(self)(**{**self.params(), **given, **other})

    @property
    def _middle_gamma(self) -> float:
        """The exponent with which all else is chosen."""
        return self.gamma or MIDDLE_GAMMA

    def parts(self) -> dict[str, np.ndarray]:
        """``mean`` (dim,), ``codebooks`` (stages, at most 256, dim), ``matrix`` (dim, 8 groups) of the residual's
        axes, ``bits`` (groups,) and ``path`` (2,) uint8, ``spreads`` (groups,), ``factor_scale`` (4,), under l2
        ``product_levels``, by inner product ``level_sizes`` (5, 12 or 256,) and their ``size_gain`` (1,), and
        ``factor_levels`` in place of ``factor_scale`` where a byte holds two numbers (:class:`.FactorAndProduct`,
        :class:`.SizeAndFactor`), or without factors ``level_gain`` (1,), by inner product with the ``length`` (1,) of
        all vectors; ``scale`` and ``gamma`` as they were chosen;
        ``stage_power`` (1,) of :func:`.stages.search_root`, absent where plain distances decide (some codecs under l2,
        versions before 13); with offsets their ``direction`` (dim,) and ``offset_range`` (2 or 3,)."""
        self._check_fitted()
        return dict(self.parts_)

    def _load_parts(self, parts: dict[str, np.ndarray]) -> None:
        self.parts_ = dict(parts)
        self._plain: Trellis | None = None
        if not self.stages and "codebooks" not in parts:
            self._plain = self._levels_alone()
            return self._plain._load_parts(parts)
        zero = np.zeros(self.dim, np.float32)
        fine = from_parts(self.state_bits, zero, parts)
        coarse, l2 = residual_encoder(parts["codebooks"], BEAM), self.metric is Metric.L2
        sizes = parts.get("level_sizes")
        gain = float(next((parts[name][0] for name in ("size_gain", "level_gain") if name in parts), 1))
        power = float(parts["stage_power"][0]) if "stage_power" in parts else None
        self._length = float(parts["length"][0]) if "length" in parts else None
        self.rule_ = scales.RULES[int(parts["scale"][0])]
        self._pair, steps = None, None
        if self._stores_factor:
            self._pair, self._table = stored_factors(parts, l2)
            steps = None if l2 else steps_of(self._table, self.level_bytes, self.dim)
        staged = StagedQuantizer(
            *(parts["mean"], coarse, fine, not l2, self.candidates, sizes, gain, power),
            has_factor=self._stores_factor or not l2,
            steps=steps,
        )
        self.quantizer_: StagedQuantizer | OffsetQuantizer = staged
        if "direction" in parts:
            self.quantizer_ = OffsetQuantizer(staged, parts["direction"], parts["offset_range"])

    @property
    def _stores_factor(self) -> bool:
        """Whether codes say a factor."""
        return "level_gain" not in self.parts_

    # --- codes -------------------------------------------------------------------------------------------

    def _encode(self, vectors: np.ndarray) -> np.ndarray:
        if self._plain is not None:
            return self._plain._encode(vectors)
        codes, factors = encode_scaled(self.quantizer_, self.rule_, vectors - self.quantizer_.mean)
        if not self._stores_factor:
            return codes
        if self._pair is None:
            return np.concatenate([codes, factor_bytes(factors, self.parts_["factor_scale"])[:, None]], axis=1)
        if isinstance(self._pair, SizeAndFactor):
            return np.concatenate([codes[:, 1:], self._pair.encode(codes[:, 0], factors)], axis=1)
        return np.concatenate(
            [codes, self._pair.encode(factors, without_offset(self.quantizer_).products(codes))], axis=1
        )

    def _decode(self, codes: np.ndarray) -> np.ndarray:
        if self._plain is not None:
            return self._plain._decode(codes)
        if self._length is not None:
            return vectors_of_length(self.quantizer_, codes, self._length)
        if not self._stores_factor:
            return self.quantizer_.vectors(codes, np.ones(len(codes), np.float32)) + self.quantizer_.mean
        at = self.code_size - (1 if self._pair is None else self._pair.size)
        rest, factors = codes[:, :at], self._table[codes[:, at]]
        if isinstance(self._pair, SizeAndFactor):
            places, factors = self._pair.decode(codes[:, at:])
            rest = np.concatenate([places[:, None], rest], axis=1)
        return self.quantizer_.vectors(rest, factors) + self.quantizer_.mean

    def _searcher(self, codes: np.ndarray) -> Searcher:
        if self._plain is not None:
            return self._plain._searcher(codes)
        if self._length is not None:
            return StagedSearcher(self.dim, self.metric, self.quantizer_, codes, None, self._length)
        if not self._stores_factor:  # of the product that a scan needs codes say nothing
            return DecodingSearcher(self, codes)
        factors = self._table if self._pair is None else self._pair
        return StagedSearcher(self.dim, self.metric, self.quantizer_, codes, factors)

    # --- validation --------------------------------------------------------------------------------------

    def _check_shape(self) -> None:
        super()._check_shape()
        if self.stages is not None:
            check_integer("stages", self.stages, 0, MOST_STAGES)
        least = 1 if self.stages is not None else 2 + (offset_size(1) if self.offset else 0)
        check_integer("level_bytes", self.level_bytes, least, MOST_BITS * group_count(self.dim))
        scales.check(self.scale, self.gamma)
        check_state_bits(self.state_bits)
        check_offset(self.offset, self.level_bytes)
        check_integer("candidates", self.candidates, 1, MOST_CANDIDATES)


def _is_small(code_bytes: int, dim: int) -> bool:
    """Whether a code is one of few bits a dimension."""
    return 8 * code_bytes <= _FEW_BITS * dim
