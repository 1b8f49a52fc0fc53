"""Training of a codec's stages, and of the axes along which their residuals are coded."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from methods.fitting.coding_axes import coding_axes
from methods.fitting.principal_axes import is_nothing
from methods.fitting.residual import residual_encoder, steps_pay
from methods.metric import Metric
from methods.transform.rq_trellis.quantizer import StagedQuantizer
from methods.transform.rq_trellis.stages import (
    BEAM,
    DIM_STEPS,
    POWER,
    SHORT_ITERATIONS,
    few,
    final_stages,
    first_stages,
    rests,
    search_root,
)
from methods.transform.transform_coding.choice import LEAST, finds_more
from methods.transform.transform_coding.offset import without_direction
from methods.transform.trellis.quantizer import TrellisQuantizer, quantizer_type

__all__ = ["CHOOSING_STATE_BITS", "StageTraining", "TrainedStages"]

CHOOSING_STATE_BITS = 10  # of trellises that choose: in a third of the time they choose the same, or as good
_ITERATIONS, _ITERATIONS_IF_SMALL = 6, 10  # of k-means, at each of its numbers of dimensions
_ITERATIONS_AT_ONCE, _ITERATIONS_AT_ONCE_IF_SMALL = 10, 20  # in all dimensions at once
_MANY_COPIES = 1 / 16  # of the training vectors


class TrainedStages(NamedTuple):
    """Stages, and the axes of what they leave.

    Attributes
    ----------
    codebooks : (stages, 2^bits, dim) float32
    matrix : (dim, 8 groups) float32
        Axes of the residuals.
    spread : (groups,) float32
        Variances along them.
    residuals : (n, dim) float32
    power : float or None
        Of :func:`.stages.search_root`; None: centroids are nearest by plain distances.
    """

    codebooks: np.ndarray
    matrix: np.ndarray
    spread: np.ndarray
    residuals: np.ndarray
    power: float | None


@dataclass(frozen=True)
class StageTraining:
    """How stages are trained.

    Attributes
    ----------
    stages, state_bits
        As of :class:`.codec.RQTrellis`.
    gamma : float
        The exponent of the allocation by which levels leave errors.
    l2 : bool
        Whether codes are searched by squared distance.
    small : bool
        Whether codes have few bits a dimension, which gain from a longer training.
    direction : (dim,) float32
        Along which an offset is kept, or zero.
    seed : int
    """

    stages: int
    state_bits: int
    gamma: float
    l2: bool
    small: bool
    direction: np.ndarray
    seed: int

    def run(
        self, sample: np.ndarray, vectors: np.ndarray, center: np.ndarray, room: int, rule: str | None
    ) -> TrainedStages:
        """Stages of a sample (n, dim), and the axes of its residuals.

        Stages are trained twice: by all of the residual, then by what ``room`` bytes of levels along its axes leave of
        it. Under l2, where near vectors are in one cluster, the second find less (fashion-mnist in 98 bytes .919 for
        .922) or more (photo descriptors in 16 .708 for .696), and held-out ``vectors`` decide, after a short training
        of both: those less their ``center`` are coded, with factors by ``rule``. The root is that of the first axes; a
        search has that of the final ones.
        """
        bits, codebooks, residuals = first_stages(sample, self.stages, len(vectors), self.seed)
        root = None if self.l2 and len(vectors) < LEAST else self._root(residuals, room)
        if self.l2 and root is not None:
            plain = TrainedStages(codebooks, *self._axes(residuals), residuals, None)
            weighted = self._trained(few(sample), bits, root, SHORT_ITERATIONS, 1)  # as those of plain distances
            one, other = (self.quantizer(each, center, room) for each in (weighted, plain))
            root = root if finds_more(one, other, vectors, Metric.L2, rule, self.seed) else None
        if steps_pay(sample):
            iterations = _ITERATIONS_IF_SMALL if self.small else _ITERATIONS
        else:
            iterations = _ITERATIONS_AT_ONCE_IF_SMALL if self.small else _ITERATIONS_AT_ONCE
        return self._trained(sample, bits, root, iterations)

    def prefixes(
        self, sample: np.ndarray, training_count: int, room: int, counts: Sequence[int], least_bits: int
    ) -> Iterator[TrainedStages]:
        """The first stages, as many as ``counts`` say, after a short training of all.

        Parameters
        ----------
        sample : (n, dim) float32
            Of ``training_count`` vectors, less what they are centered about.
        training_count : int
        room : int
            Bytes for stages and levels.
        counts : sequence of int
        least_bits : int
            As of :func:`.stages.first_stages`.
        """
        bits, codebooks, residuals = first_stages(sample, self.stages, training_count, self.seed, least_bits)
        root = self._root(residuals, room - self.stages)
        codebooks, of_all = final_stages(sample, self.stages, bits, root, SHORT_ITERATIONS, 1, self.seed)
        for count in counts:
            first = np.ascontiguousarray(codebooks[:count])
            residuals = of_all if count == self.stages else rests(first, sample, root)
            yield TrainedStages(first, *self._axes(residuals, held_out=False), residuals, POWER)

    def quantizer(
        self, trained: TrainedStages, center: np.ndarray, room: int, has_factor: bool = True
    ) -> StagedQuantizer:
        """A quantizer for trials of vectors less their ``center``, with ``room`` bytes of levels."""
        fine = self._levels(CHOOSING_STATE_BITS, trained.matrix, trained.spread, room)
        coarse = residual_encoder(trained.codebooks, BEAM)
        return StagedQuantizer(center, coarse, fine, not self.l2, power=trained.power, has_factor=has_factor)

    def _root(self, residuals: np.ndarray, room: int) -> np.ndarray:
        axes = self._axes(residuals, held_out=False)
        return search_root(self._levels(self.state_bits, *axes, room), POWER, self.l2)

    def _trained(
        self, sample: np.ndarray, bits: int, root: np.ndarray | None, iterations: int, dim_steps: int = DIM_STEPS
    ) -> TrainedStages:
        codebooks, residuals = final_stages(sample, self.stages, bits, root, iterations, dim_steps, self.seed)
        return TrainedStages(codebooks, *self._axes(residuals), residuals, None if root is None else POWER)

    def _levels(self, state_bits: int, matrix: np.ndarray, spread: np.ndarray, room: int) -> TrellisQuantizer:
        return quantizer_type(state_bits, room).choose(np.zeros_like(self.direction), matrix, spread, room, self.gamma)

    def _axes(self, residuals: np.ndarray, held_out: bool = True) -> tuple[np.ndarray, np.ndarray]:
        _, matrix, spread = coding_axes(_without_copies(residuals), self.direction, self.seed, held_out)
        if self.direction.any():
            matrix = without_direction(matrix.T, self.direction).T
        return matrix, spread


def _without_copies(residuals: np.ndarray) -> np.ndarray:
    """Residuals (n, dim) without those of vectors that are a centroid, where they are many.

    Copies of few vectors take centroids for themselves. Spreads that count them are too small for all the others.
    """
    nothing = is_nothing(np.linalg.norm(residuals, axis=1))
    return residuals[~nothing] if _MANY_COPIES < nothing.mean() < 1 else residuals
